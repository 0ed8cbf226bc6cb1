/** Maps words of another trainer to keys of run.yaml, and records how each was treated. Pure. */

import { lostWords } from '../../spec/foreign/lost.ts';
import { programWords } from '../../spec/foreign/program.ts';
import { asTyped } from '../../spec/foreign/values.ts';
import { foreignWords } from '../../spec/foreign/words.ts';
import { convertWord, fieldKeys, ourForm, schemaOf } from '../../spec/foreign.ts';
import { yamlValue } from '../../spec/write.ts';
import { silentDefaults } from './defaults.ts';
import { effective } from './effective.ts';
import { splitFolders } from './folders.ts';
import type { ForeignPair, ImportLine } from './line.ts';
import { runNameOf } from './mend.ts';
import { noteOf } from './notes.ts';
import type { ForeignFile } from './read.ts';

export interface MappedSettings {
  /** Values by key of run.yaml. */
  readonly values: ReadonlyMap<string, unknown>;
  readonly lines: ReadonlyMap<string, ImportLine>;
  readonly changed: readonly ImportLine[];
  readonly lost: readonly ImportLine[];
  readonly dangerous: readonly ImportLine[];
  /** Words that no table here knows, whether they are switched on or not: their effect is unknown. */
  readonly unknown: readonly string[];
  /** Number of words that are switched off or empty, so that nothing is lost without them. */
  readonly off: number;
  /** What the file says about the base model outside of known keys. */
  readonly base: readonly string[];
}

const SECRET = /(?:token|api_key|password|secret)$/u;
/** Words that name the base model in the metadata of a LoRA. */
const BASE: ReadonlySet<string> = new Set(['sd_model_name', 'base_model_version']);
/** Facts in the metadata of a LoRA that are results and no settings. */
const RESULTS =
  /^(?:v2|steps|epoch|num_epochs|num_batches_per_epoch|num_(?:train|reg|validation)_images|total_batch_size|session_id|training_(?:started|finished)_at|tag_frequency|dataset_dirs|datasets|bucket_info|reg_dataset_dirs|sd_(?:scripts_commit_hash|model_hash|vae_name)|new_sd_model_hash|new_vae_hash|vae_(?:name|hash)|loss_(?!type$).*|text_encoder_lr_.*)$/u;
/** Words that win when several name the same key; later ones in this list win over earlier ones. */
const STRONGER = [
  'epoch',
  'max_train_steps',
  'max_train_epochs',
  'learning_rate',
  'lr',
  'unet_lr',
  'optimizer_type',
  'network_train_unet_only',
  'train',
];

export function mapWords({ trainer, pairs: all }: ForeignFile): MappedSettings {
  const { pairs, ...folders } = splitFolders(effective(trainer, all));
  const values = new Map<string, unknown>();
  const lines = new Map<string, ImportLine>();
  const lists = {
    changed: [] as ImportLine[],
    lost: [...folders.lost],
    dangerous: [] as ImportLine[],
    base: [] as string[],
  };
  let off = 0;
  const unknown = new Set<string>();
  const ranked = pairs.toSorted((a, b) => STRONGER.indexOf(a.name) - STRONGER.indexOf(b.name));
  for (const pair of trainer === 'OneTrainer' ? scaled(ranked) : ranked) {
    const theirs = `${pair.where}: ${shown(pair.value)}`;
    if (SECRET.test(pair.name)) {
      if (isOff(pair.value)) off += 1;
      // The value is a secret and is not repeated.
      else
        lists.dangerous.push({ theirs: pair.where, ours: null, why: 'a secret belongs in no file, and is not taken' });
    } else if (BASE.has(pair.name)) lists.base.push(String(pair.value));
    else if (trainer === 'a LoRA' && RESULTS.test(pair.name)) off += 1;
    else {
      const found = mapped(pair, trainer);
      if (found === undefined) {
        if (!isKnown(pair, trainer)) unknown.add(pair.name);
        if (isOff(pair.value) || isOurWay(pair) || isDetail(pair, trainer) || programWords.has(pair.name)) off += 1;
        else lists.lost.push({ theirs, ours: null, why: lostWhy(pair) });
        continue;
      }
      const value = joined(values.get(found.key), found.value);
      values.set(found.key, value);
      // A setting that is switched off means the same here, so no note is needed.
      const note = isOff(pair.value) ? undefined : found.note;
      const line = { theirs, ours: `${found.key}: ${yamlValue(value)}`, why: note ?? null };
      lines.set(found.key, line);
      if (note !== undefined) lists.changed.push(line);
    }
  }
  if (folders.sources.length > 0) {
    values.set('dataset.sources', folders.sources);
    for (const [i, line] of folders.lines.entries()) lines.set(`dataset.sources.${i}`, line);
  }
  for (const { word, key, value, theirs } of silentDefaults(trainer, pairs, values)) {
    values.set(key, value);
    lines.set(key, { theirs: `${word}: ${theirs} (its default)`, ours: `${key}: ${yamlValue(value)}`, why: null });
  }
  return { values, lines, ...lists, unknown: [...unknown], off };
}

const isKnown = (pair: ForeignPair, trainer: ForeignFile['trainer']): boolean =>
  isDetail(pair, trainer) ||
  pair.group === 'optimizer_args' ||
  programWords.has(pair.name) ||
  fieldKeys(pair.name).length > 0 ||
  [...foreignWords, ...lostWords].some(({ names }) => names.includes(pair.name));

interface Found {
  readonly key: string;
  readonly value: unknown;
  readonly note?: string | undefined;
}

function mapped(pair: ForeignPair, trainer: ForeignFile['trainer']): Found | undefined {
  const { name, group } = pair;
  const isArgument = group === 'optimizer_args' || (trainer === 'OneTrainer' && group === 'optimizer');
  if (isArgument && name !== 'optimizer') return optimizerArgument(pair);
  if (trainer === 'OneTrainer' && name === 'train' && group === 'text_encoder' && asTyped(pair.value) === false)
    return { key: 'training.text_encoder_learning_rate', value: 0 };
  if (trainer === 'OneTrainer' && name === 'learning_rate' && group.startsWith('text_encoder'))
    return valid('training.text_encoder_learning_rate', pair.value);
  if (
    trainer === 'OneTrainer' &&
    PARTS.test(group) &&
    !['learning_rate', 'vae_weight_dtype', 'unet_weight_dtype', 'text_encoder_weight_dtype', 'model_name'].includes(
      name,
    )
  )
    return undefined;
  for (const word of foreignWords) {
    if (!word.names.includes(name)) continue;
    const called = word.key === 'name' ? runNameOf(pair.value) : undefined;
    if (called !== undefined)
      return { key: 'name', value: called, note: called === pair.value ? undefined : 'as a run may be called' };
    const value = convertWord(word, pair.value);
    if (value !== undefined) return { key: word.key, value, note: noteOf(word.key, pair.value) ?? word.note };
  }
  const section = SECTIONS[group];
  const keys = fieldKeys(name);
  const key = keys.find((each) => each.startsWith(`${section}.`)) ?? (section === 'samples' ? undefined : keys[0]);
  const own = key === undefined || name === 'version' ? undefined : valid(key, pair.value);
  return own && { ...own, note: noteOf(own.key, pair.value) };
}

/** Whether it is one of OneTrainer's many words for each part of a model and each optimiser. */
const isDetail = ({ group }: ForeignPair, trainer: ForeignFile['trainer']): boolean =>
  trainer === 'OneTrainer' && (PARTS.test(group) || group === 'optimizer');

/** Parts of a model for which OneTrainer has a group. */
const PARTS =
  /^(?:unet|prior|transformer|vae|text_encoder(?:_\d)?|effnet_encoder|decoder.*|embedding.*|quantization)$/u;
/** Groups whose words belong to our section of that name. */
const SECTIONS: Readonly<Record<string, string>> = {
  sample: 'samples',
  samples: 'samples',
  sample_args: 'samples',
  train: 'training',
  save: 'output',
  model: 'model',
};

function valid(key: string, value: unknown): Found | undefined {
  for (const ours of [ourForm(key, value), asTyped(value), value])
    if (ours !== undefined && schemaOf(key)?.safeParse(ours).success === true) return { key, value: ours };
  return undefined;
}

/** Arguments of optimisers with the value that ours always use. */
const OUR_WAY: Readonly<Record<string, unknown>> = { decouple: true, relative_step: false, warmup_init: false };
const isOurWay = ({ name, value, group }: ForeignPair): boolean =>
  group === 'optimizer_args' && Object.hasOwn(OUR_WAY, name) && OUR_WAY[name] === asTyped(value);

/** Finds the key of an optimiser's argument: weight decay and betas have keys of their own. */
function optimizerArgument({ name, value }: ForeignPair): Found | undefined {
  if (isOff(value) || value === 'null' || Object.hasOwn(OUR_WAY, name)) return undefined;
  if (name === 'weight_decay') return valid('training.weight_decay', value);
  if (name === 'betas')
    return valid(
      'training.betas',
      String(value)
        .match(/[\d.]+/gu)
        ?.map(Number),
    );
  if (['beta1', 'beta2', 'beta3', 'eps', 'optimizer'].includes(name)) return undefined;
  const typed = asTyped(value);
  return typeof typed === 'number' || typeof typed === 'boolean'
    ? { key: 'training.optimizer_args', value: { [name]: typed } }
    : undefined;
}

/**
 * OneTrainer multiplies its learning rate by a function of the batch size, for which there is no setting here, so the
 * product is used.
 */
function scaled(pairs: readonly ForeignPair[]): readonly ForeignPair[] {
  const number = (name: string) => Number(asTyped(pairs.find((pair) => pair.name === name)?.value)) || 1;
  const scaler = String(pairs.find(({ name }) => name === 'learning_rate_scaler')?.value ?? 'NONE');
  const batch = /BATCH|BOTH/u.test(scaler) ? number('batch_size') : 1;
  const accumulation = /ACCUM|BOTH/u.test(scaler) ? number('gradient_accumulation_steps') : 1;
  const factor = Math.sqrt(batch * accumulation);
  return pairs
    .filter(({ name }) => factor !== 1 || name !== 'learning_rate_scaler')
    .map((pair) =>
      pair.name === 'learning_rate' && factor !== 1 && typeof asTyped(pair.value) === 'number'
        ? { ...pair, value: Number(asTyped(pair.value)) * factor, where: `${pair.where} × ${factor} (${scaler})` }
        : pair,
    );
}

/** Joins the values of two words that each set a part of one group. */
function joined(before: unknown, now: unknown): unknown {
  const isGroup = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  return isGroup(before) && isGroup(now) ? { ...(before as object), ...(now as object) } : now;
}

function isOff(value: unknown): boolean {
  const typed = asTyped(value);
  if (typed === null || typed === undefined || typed === false || typed === 0 || typed === '') return true;
  if (Array.isArray(typed)) return typed.length === 0 || typed.every(isOff);
  return typeof typed === 'object' && Object.keys(typed).length === 0;
}

function lostWhy({ name, value }: ForeignPair): string {
  const lost = lostWords.find(({ names }) => names.includes(name));
  if (lost !== undefined) return lost.say.replace(/: remove the line$/u, '');
  const word = foreignWords.find(({ names }) => names.includes(name));
  const key = word?.key ?? fieldKeys(name)[0];
  return key === undefined ? 'nothing here does the same' : `${key} cannot be ${shown(value)}`;
}

/** Characters of a value that are shown. */
const LONGEST = 80;
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
