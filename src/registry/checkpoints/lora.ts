/**
 * Checks the LoRA that a run starts from, by its header alone: its kind, its ranks, its layers, and which of those do
 * not fit the run. The trainer reads such a file in `lora_read.py`, whose table of kinds is mirrored here.
 */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { plural } from '../../base/text.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { readConfig } from './complete.ts';
import { fileError } from './identify.ts';
import { loraDamage } from './lora-damage.ts';
import {
  DOWN,
  isDoraOfOutputs,
  isTrainedKind,
  type LayerKind,
  type LoraModule,
  layerOf,
  lokrForm,
  loraKind,
  loraModules,
  trainedKinds,
} from './lora-modules.ts';
import { readSafetensorsHeader, type SafetensorsHeader } from './safetensors.ts';
import { unetWeights } from './topology.ts';

const otherBases: readonly (readonly [RegExp, string])[] = [
  [/double_blocks|single_blocks|single_transformer_blocks/u, 'FLUX'],
  [/joint_blocks|transformer_blocks[._]\d+[._]attn[._]add_[qkv]_proj/u, 'Stable Diffusion 3'],
  [/lora_prior_unet/u, 'Stable Cascade'],
];
const PREFIX = /^(lora_unet_|unet_|base_model_model_|lycoris_unet_|lycoris_|diffusion_model_)/u;

/** The key of run.yaml that messages name by default. */
const KEY = 'training.init_lora';

/**
 * Checks the LoRA before anything is fetched for the run. Returns what the person should know, as sentences.
 * @throws UsageError when the run cannot start from this file
 */
export function checkInitLora(
  path: string,
  spec: Pick<RunSpec, 'model' | 'training'>,
  configs: string | null,
): string[] {
  const header = readLora(path);
  const name = basename(path);
  const names = [...header.tensors.keys()];
  checkKind(name, names, header, spec.training);
  const modules = loraModules(header);
  if (modules.size === 0)
    throw refusedLora(`${name} is no LoRA: it holds no layer of one.`, [
      'Choose a LoRA, or leave training.init_lora empty.',
    ]);
  checkLoraBase(name, header, spec.model.family);
  refuseDamaged(name, header);
  checkRanks(name, modules, spec.training);
  return [...embeddings(name, names), ...ranks(name, modules, spec.training), ...layers(name, modules, spec, configs)];
}

/** @throws UsageError when the file is of another kind than the run trains, or a LoKr that is split another way */
function checkKind(
  name: string,
  names: readonly string[],
  header: SafetensorsHeader,
  { adapter, dora, lokr }: RunSpec['training'],
): void {
  const kinds = Object.keys(trainedKinds).filter(isTrainedKind);
  const ours = kinds.find((each) => trainedKinds[each].adapter === adapter && trainedKinds[each].dora === dora);
  const kind = loraKind(names);
  if (kind !== ours) {
    const its = isTrainedKind(kind) ? trainedKinds[kind] : undefined;
    throw refusedLora(
      its === undefined
        ? `${name} is ${kind}, which cannot be trained further here.`
        : `${name} is ${kind}, and this run trains ${ours}.`,
      [
        'Choose another file, or leave training.init_lora empty.',
        ...(its === undefined
          ? []
          : [`Or train what it is:  --set training.adapter=${its.adapter} --set training.dora=${its.dora}`]),
      ],
    );
  }
  if (kind === 'a DoRA' && isDoraOfOutputs(header))
    throw refusedLora(`${name} is a DoRA with a length for each output; a length for each input is what is trained.`, [
      'Choose another file, or leave training.init_lora empty.',
    ]);
  const form = lokrForm(header);
  const run = { factor: lokr?.factor ?? -1, decompose_both: lokr?.decompose_both ?? false, full: lokr?.full ?? false };
  if (form === undefined || form.factor === run.factor) return;
  throw refusedLora(`${name} splits its layers by the factor ${form.factor}; that of the run is ${run.factor}.`, [
    `Set it to that of the file:  --set training.lokr.factor=${form.factor}`,
  ]);
}

/** @throws UsageError when the header tells that no reader can compute what the file holds */
export function refuseDamaged(name: string, header: SafetensorsHeader, key = KEY): void {
  const damage = loraDamage(header);
  if (damage !== undefined)
    throw refusedLora(`${name} is damaged: ${damage}.`, [`visiontrain lora check ${name}`], key);
}

export function readLora(path: string, key = KEY): SafetensorsHeader {
  try {
    return readSafetensorsHeader(path);
  } catch (error) {
    const found = error instanceof UsageError ? error.message : `${path} ${fileError(error)}.`;
    const known = error instanceof UsageError && error.nextSteps.length > 0;
    throw new UsageError(`${key}: ${found}`, {
      id: 'lora/unusable',
      nextSteps: known ? error.nextSteps : ['Check the path; it starts at the folder of run.yaml.'],
      cause: error,
    });
  }
}

export const refusedLora = (message: string, nextSteps: readonly string[], key = KEY) =>
  new UsageError(`${key}: ${message}`, { id: 'lora/unusable', nextSteps });

/** Tensors whose second side is the width that a layer reads. */
const INWARD = new RegExp(`${DOWN.source}|hada_w1_b`, 'u');

/** Width of the text embeddings that cross attention reads, by family. SD2 has 1024. */
const WIDTHS = new Map([
  [768, 'Stable Diffusion 1.5'],
  [1024, 'Stable Diffusion 2'],
  [2048, 'SDXL'],
]);

export function checkLoraBase(name: string, { tensors }: SafetensorsHeader, family: 'sd15' | 'sdxl', key = KEY): void {
  const other = otherBases.find(([pattern]) => [...tensors.keys()].some((each) => pattern.test(each)));
  const cross = [...tensors].find(([each]) => /attn2[._]to_k/u.test(each) && INWARD.test(each));
  const of = other?.[1] ?? WIDTHS.get(cross?.[1].shape[1] ?? 0);
  const ours = family === 'sdxl' ? 'SDXL' : 'Stable Diffusion 1.5';
  if (of !== undefined && of !== ours)
    throw refusedLora(
      `${name} is a LoRA of ${of}, but model.base is ${ours}.`,
      [`Choose the base model that the LoRA was trained on, or leave ${key} empty.`],
      key,
    );
}

const listed = (ranks: ReadonlySet<number>) => {
  const sorted = [...ranks].sort((a, b) => a - b).map(String);
  return sorted.length === 1
    ? `the rank ${sorted[0]}`
    : `the ranks ${sorted.slice(0, -1).join(', ')} and ${sorted.at(-1)} by layer`;
};

const trained = (layer: LayerKind, { training: t }: Pick<RunSpec, 'training'>): boolean => {
  if (layer === 'text') return [t.text_encoder_learning_rate].flat().some((rate) => Number(rate) > 0);
  if (layer === 'attention') return true;
  if (layer === 'transformer') return t.targets === 'all';
  return t.conv_rank > 0;
};

const roomOf = (layer: LayerKind, { rank, conv_rank: convRank }: RunSpec['training']) =>
  layer === 'convolution' ? convRank : rank;

/**
 * Checks the ranks of the trained layers.
 * @throws UsageError when one has a higher rank in the file than the run gives it
 */
function checkRanks(name: string, modules: ReadonlyMap<string, LoraModule>, training: RunSpec['training']): void {
  for (const key of ['rank', 'conv_rank'] as const) {
    const group = [...modules.values()].filter(
      ({ layer }) => (layer === 'convolution') === (key === 'conv_rank') && trained(layer, { training }),
    );
    const ranks = new Set(group.map(({ rank }) => rank));
    const most = Math.max(0, ...ranks);
    if (most <= training[key]) continue;
    throw refusedLora(
      `${name} has ${listed(ranks)}${key === 'conv_rank' ? ' in its convolutions' : ''}; training.${key} is ${training[key]}.`,
      [
        `Set training.${key} to ${most} or more: --set training.${key}=${most}. Layers of a lower rank are filled up and compute the same.`,
      ],
    );
  }
}

function ranks(name: string, modules: ReadonlyMap<string, LoraModule>, training: RunSpec['training']): string[] {
  const here = [...modules.values()].filter(({ layer }) => trained(layer, { training }));
  const lower = here.filter(({ layer, rank }) => rank > 0 && rank < roomOf(layer, training));
  return lower.length === 0
    ? []
    : [
        `${name} has ${listed(new Set(here.map(({ rank }) => rank)))}: ${lower.length} of its ${plural(here.length, 'layer')} have a lower rank than the run; they are filled up and compute the same`,
      ];
}

function embeddings(name: string, names: readonly string[]): string[] {
  const found = new Set(names.filter((each) => each.startsWith('bundle_emb.')).map((each) => each.split('.')[1] ?? ''));
  return found.size === 0
    ? []
    : [
        `${name} holds the ${found.size === 1 ? 'embedding' : 'embeddings'} ${[...found].join(', ')}: not trained here, and not in the LoRA that is written`,
      ];
}

const words: Readonly<Record<LayerKind, string>> = {
  text: 'of text encoders (training.text_encoder_learning_rate is 0)',
  transformer: 'beside attention (training.targets is attention)',
  convolution: 'of convolutions (training.conv_rank is 0)',
  residual: 'of residual blocks (training.conv_rank is 0)',
  attention: 'of attention',
};

function layers(
  name: string,
  modules: ReadonlyMap<string, LoraModule>,
  spec: Pick<RunSpec, 'model' | 'training'>,
  configs: string | null,
): string[] {
  const sentences: string[] = [];
  const kinds = new Set([...modules.values()].map(({ layer }) => layer));
  for (const layer of kinds) {
    if (trained(layer, spec)) continue;
    const count = [...modules.values()].filter((module) => module.layer === layer).length;
    sentences.push(
      `${name} has ${plural(count, 'layer')} ${words[layer]}: not trained, and not in the LoRA that is written`,
    );
  }
  if (!kinds.has('text') && trained('text', spec))
    sentences.push(`${name} has no layers of text encoders, which this run trains: they start anew`);
  const lacking = lackingLayers(modules, spec, configs);
  if (lacking !== undefined && lacking.missing.length > 0)
    sentences.push(
      `${name} lacks ${lacking.missing.length} of the ${lacking.all} layers of the U-Net's attention that this run trains (${lacking.missing[0]} …): they start anew`,
    );
  return sentences;
}

/**
 * Layers of the U-Net's transformers that the run trains and the file lacks; undefined when the base model is not here.
 */
function lackingLayers(
  modules: ReadonlyMap<string, LoraModule>,
  spec: Pick<RunSpec, 'model' | 'training'>,
  configs: string | null,
): { missing: string[]; all: number } | undefined {
  const config = configs === null ? undefined : join(configs, 'unet', 'config.json');
  if (config === undefined || !existsSync(config)) return undefined;
  const has = new Set([...modules.keys()].map((module) => module.replace(PREFIX, '')));
  const wanted = unetWeights(readConfig(config)).filter(({ diffusers }) => {
    if (!diffusers.includes('.attentions.') || /norm\d?$/u.test(diffusers)) return false;
    return trained(layerOf(diffusers.replaceAll('.', '_'), []), spec);
  });
  const missing = wanted.filter(
    ({ ldm, diffusers }) => !has.has(ldm.replaceAll('.', '_')) && !has.has(diffusers.replaceAll('.', '_')),
  );
  if (missing.length === wanted.length)
    throw refusedLora('none of its layers is one that this run trains.', [
      'Choose a LoRA of the same base model, or leave training.init_lora empty.',
    ]);
  return { missing: missing.map(({ diffusers }) => diffusers), all: wanted.length };
}
