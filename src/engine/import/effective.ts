/**
 * Selects the settings of a file that have an effect. Trainers also write settings of unused features, units in a word
 * of their own, and further words inside a text. Pure.
 */
import { asTyped } from '../../spec/foreign/values.ts';
import { plainName } from '../../spec/foreign.ts';
import type { ForeignPair } from './line.ts';
import type { TrainerName } from './read.ts';

export function effective(trainer: TrainerName, pairs: readonly ForeignPair[]): readonly ForeignPair[] {
  if (trainer === 'kohya_ss') return ofKohyaGui(pairs);
  if (trainer === 'OneTrainer') return ofOneTrainer(pairs);
  if (trainer === 'ai-toolkit') return ofAiToolkit(pairs);
  if (trainer === 'lora-scripts') return pairs.filter((pair) => pair.group !== 'metadata' && isNotNeutral(pair));
  return pairs.filter(isNotNeutral);
}

const valueOfWord = (pairs: readonly ForeignPair[], name: string): unknown =>
  asTyped(pairs.find((pair) => pair.name === name)?.value);

/** Values that mean the same as leaving the word out. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  prior_loss_weight: [1],
  factor: [-1],
  unit: [1],
  bucket_reso_steps: [1],
  max_train_steps: [0],
  save_every_n_steps: [0],
  save_every_n_epochs: [0],
  save_last_n_epochs: [0],
  sample_every_n_steps: [0],
  sample_every_n_epochs: [0],
  min_timestep: [0],
  max_timestep: [1000],
  min_noising_strength: [0],
  max_noising_strength: [1],
  max_train_epochs: [0],
  lr_scheduler_type: ['LoRA', 'lora'],
  num_processes: [1],
  num_machines: [1],
  train_on_input: [true],
  use_cp: [true],
  train_unet: [true],
  train_text_encoder: [true],
  dynamo_mode: ['default'],
  dynamo_backend: ['no'],
  dynamo_use_dynamic: [false],
  noise_scheduler: ['ddpm', 'ddim'],
  loss_scaler: ['NONE'],
  vb_loss_strength: [1],
  timestep_shift: [1],
  network_multiplier: [1],
  lora_decompose_norm_epsilon: [true],
  lr_scheduler_power: [1],
};

function isNotNeutral({ name, value }: ForeignPair): boolean {
  const neutral = Object.hasOwn(NEUTRAL, name) ? NEUTRAL[name] : undefined;
  return neutral === undefined || !neutral.includes(asTyped(value));
}

/** Words of kohya_ss that have an effect for some kinds of LoRA only. */
const OF_LYCORIS: ReadonlySet<string> = new Set([
  'factor',
  'unit',
  'decompose_both',
  'train_on_input',
  'use_cp',
  'use_tucker',
  'use_scalar',
  'constrain',
  'rescaled',
  'rank_dropout_scale',
  'train_norm',
  'bypass_mode',
  'dora_wd',
  'lycoris_preset',
]);
const CONV: ReadonlySet<string> = new Set([
  'conv_dim',
  'conv_alpha',
  'conv_dims',
  'conv_alphas',
  'conv_block_dims',
  'conv_block_alphas',
]);

/** The effective words of kohya_ss, whose window saves every field, whatever kind of LoRA and noise was chosen. */
function ofKohyaGui(pairs: readonly ForeignPair[]): readonly ForeignPair[] {
  const kind = String(valueOfWord(pairs, 'lora_type') ?? '');
  const noise = String(valueOfWord(pairs, 'noise_offset_type') ?? '');
  const off = (name: string): boolean => {
    if (OF_LYCORIS.has(name) && !/^lycoris/iu.test(kind)) return true;
    if (['factor', 'decompose_both'].includes(name) && !/lokr/iu.test(kind)) return true;
    if (CONV.has(name) && /^standard$/iu.test(kind)) return true;
    if (/^multires_noise/u.test(name) && /^original$/iu.test(noise)) return true;
    if (
      /^(?:noise_offset|noise_offset_random_strength|adaptive_noise_scale)$/u.test(name) &&
      /^multires$/iu.test(noise)
    )
      return true;
    // The last one belongs to the launcher, for one machine.
    return ['noise_offset_type', 'additional_parameters', 'num_cpu_threads_per_process'].includes(name);
  };
  const isLokr = /lokr/iu.test(kind);
  const own = pairs
    .filter((pair) => !off(pair.name) && isNotNeutral(pair))
    .map(percentOfText)
    .map((pair) => (isLokr ? wholeMatrix(pair) : pair));
  const typed = pairs.find(({ name }) => name === 'additional_parameters');
  const more = typeof typed?.value === 'string' ? commandLine(typed.value) : [];
  const named = new Set(more.map(({ name }) => name));
  return [...own.filter((pair) => !named.has(pair.name)), ...more];
}

/** From this rank on, the person asks LyCORIS for whole matrices: it is above any size of a layer. */
const WHOLE_FROM = 10_000;
const wholeMatrix = (pair: ForeignPair): ForeignPair =>
  ['network_dim', 'conv_dim'].includes(pair.name) && Number(pair.value) >= WHOLE_FROM
    ? { ...pair, name: 'lokr_full_matrix', value: true }
    : pair;

/** kohya_ss writes a percentage under the name of a number of steps in sd-scripts; the word is renamed. */
const percentOfText = (pair: ForeignPair): ForeignPair =>
  pair.name === 'stop_text_encoder_training' ? { ...pair, name: 'stop_text_encoder_training_pct' } : pair;

/**
 * The words of a command line: `--max_grad_norm=1 --network_train_unet_only --optimizer_args "a=1" "b=2"`. Nothing of
 * it is run.
 */
export function commandLine(text: string): readonly ForeignPair[] {
  const parts = text.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/gu) ?? [];
  const pairs: ForeignPair[] = [];
  let word = '';
  let values: string[] = [];
  const end = () => {
    if (word === '') return;
    const name = plainName(word);
    const add = (key: string, value: unknown, group: string) =>
      pairs.push({ name: plainName(key), value, where: `--${word}`, group });
    if (/_args$/u.test(name))
      for (const one of values) add(one.split('=')[0] ?? '', one.slice(one.indexOf('=') + 1), name);
    else add(name, values.length === 0 ? true : values.length === 1 ? values[0] : values, '');
  };
  for (const part of parts) {
    const plain = part.replaceAll(/["']/gu, '');
    const flag = /^--([\w-]+)(?:=(.*))?$/su.exec(plain);
    if (flag === null) values.push(plain);
    else {
      end();
      word = flag[1] ?? '';
      values = flag[2] === undefined ? [] : [flag[2]];
    }
  }
  end();
  return pairs;
}

/** Cadences of OneTrainer: the word, our name, and the default of the unit, which has a word of its own. */
const CADENCES: readonly (readonly [word: string, ours: string, unit: string])[] = [
  ['sample_after', 'sample_after', 'MINUTE'],
  ['backup_after', 'backup_after', 'MINUTE'],
  ['save_every', 'save_every', 'NEVER'],
  ['validate_after', 'validate_every_n_steps', 'EPOCH'],
];

function ofOneTrainer(pairs: readonly ForeignPair[]): readonly ForeignPair[] {
  const isLokr = /lokr/iu.test(String(valueOfWord(pairs, 'peft_type') ?? ''));
  return pairs.flatMap((pair): ForeignPair[] => {
    if (!isNotNeutral(pair) || /_unit$/u.test(pair.name)) return [];
    if (pair.name === 'weight_dtype') return weights(pair);
    if (pair.name === 'resolution' && pair.group === '') return drawnSides(pair);
    if (/^lokr_/u.test(pair.name) && !isLokr) return [];
    if (pair.name === 'lora_rank' && isLokr && valueOfWord(pairs, 'lokr_dim') !== undefined) return [];
    const cadence = pair.group === '' ? CADENCES.find(([word]) => word === pair.name) : undefined;
    if (cadence === undefined) return [pair];
    const [word, ours, usual] = cadence;
    const value = cadenceOf(asTyped(pair.value), String(valueOfWord(pairs, `${word}_unit`) ?? usual));
    return value === undefined ? [] : [{ ...pair, name: ours, value }];
  });
}

/** OneTrainer draws one of several resolutions for each use; `512x768` is a width and a height there. */
function drawnSides(pair: ForeignPair): ForeignPair[] {
  if (!/^\s*\d+\s*(?:,\s*\d+\s*)+$/u.test(String(pair.value))) return [pair];
  return [
    { ...pair, name: 'resolutions' },
    { ...pair, name: 'resolution_use', value: 'draw' },
  ];
}

/** Splits OneTrainer's word for how the weights of each part are kept. */
function weights(pair: ForeignPair): ForeignPair[] {
  const name = { vae: 'vae_weight_dtype', unet: 'unet_weight_dtype', text_encoder: 'text_encoder_weight_dtype' }[
    pair.group
  ];
  return name === undefined ? [] : [{ ...pair, name }];
}

/** A cadence with its unit: `10` with MINUTE → `10m`; undefined for NEVER. */
function cadenceOf(count: unknown, unit: string): number | string | undefined {
  if (typeof count !== 'number' || !(count > 0)) return undefined;
  if (unit === 'EPOCH') return count === 1 ? '1 epoch' : `${count} epochs`;
  if (unit === 'STEP') return count;
  const minutes = { SECOND: count / 60, MINUTE: count, HOUR: count * 60 }[unit];
  return minutes === undefined ? undefined : `${Math.max(1, Math.round(minutes))}m`;
}

function ofAiToolkit(pairs: readonly ForeignPair[]): readonly ForeignPair[] {
  return pairs.flatMap((pair): ForeignPair[] => {
    if (pair.group === 'meta' || !isNotNeutral(pair)) return [];
    if (pair.group === 'network' && pair.name === 'type') return [{ ...pair, name: 'network_type' }];
    // A list is no width and height there: each image is trained at each of its sizes.
    if (pair.name === 'resolution' && Array.isArray(pair.value)) return [{ ...pair, name: 'resolutions' }];
    return [pair];
  });
}
