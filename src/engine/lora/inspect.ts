/**
 * Inspects a LoRA file, and finds what is wrong with it, from its header and, if requested, from its numbers. It needs
 * no torch.
 */
import { plural } from '../../base/text.ts';
import { lyingTensors, overlappingTensors } from '../../registry/checkpoints/lora-damage.ts';
import { unreadLoraKind } from '../../registry/checkpoints/lora-uses.ts';
import { readSafetensorsHeader, type SafetensorsHeader } from '../../registry/checkpoints/safetensors.ts';
import { toldAlpha } from './alphas.ts';
import {
  formOf,
  type LoraBase,
  type LoraForm,
  type LoraKind,
  type LoraLayer,
  layersOf,
  loraBase,
  toldBase,
} from './layers.ts';
import { type FileNumbers, readNumbers, readScalar } from './numbers.ts';
import { aboutLora, type LoraAbout } from './training.ts';

/** How many layers of a part have a rank. */
export interface RankCount {
  readonly part: LoraLayer['part'];
  readonly rank: number | null;
  readonly alpha: number | null;
  readonly layers: number;
}

export interface LoraProblem {
  /** `bad`: the file computes nonsense, or some programs cannot read it; `note`: worth knowing. */
  readonly level: 'bad' | 'note';
  readonly text: string;
}

export interface LoraInspection {
  readonly path: string;
  readonly bytes: number;
  readonly kinds: Readonly<Partial<Record<LoraKind, number>>>;
  readonly form: LoraForm;
  readonly base: LoraBase | null;
  readonly layers: number;
  readonly ranks: readonly RankCount[];
  readonly parameters: number;
  /** Number of tensors by number format. */
  readonly formats: Readonly<Record<string, number>>;
  readonly about: LoraAbout;
  /** SHA-256 of the file, and of everything behind its header; null where its numbers were not read. */
  readonly sha256: string | null;
  readonly payload_sha256: string | null;
  readonly problems: readonly LoraProblem[];
}

/**
 * Inspects a file.
 * @throws UsageError when it is no safetensors file, or no LoRA; the file system's own error
 */
export function inspectLora(path: string, { numbers = true }: { readonly numbers?: boolean } = {}): LoraInspection {
  const header = readSafetensorsHeader(path);
  const { layers, strange } = layersOf(header);
  const lying = headerProblems(header);
  const read = numbers && lying.length === 0 ? readNumbers(path, header) : undefined;
  const about = aboutLora(header.metadata);
  const metadataAlpha = toldAlpha(header.metadata);
  const alphas = new Map(layers.map((layer) => [layer.module, alphaOf(path, header, layer) ?? metadataAlpha(layer)]));
  return {
    path,
    bytes: header.bytes,
    kinds: counted(layers.map(({ kind }) => kind)),
    form: formOf(header.tensors.keys()),
    base: loraBase(layers, header) ?? toldBase(header.metadata),
    layers: layers.length,
    ranks: rankCounts(layers, alphas),
    parameters: [...header.tensors.values()].reduce((sum, { shape }) => sum + size(shape), 0),
    formats: formatCounts(header),
    about,
    sha256: read?.sha256 ?? null,
    payload_sha256: read?.payload ?? null,
    problems: [
      ...lying,
      ...layerProblems(layers, header, alphas),
      ...(strange.length === 0
        ? []
        : [note(`${plural(strange.length, 'tensor')} of no known layer: ${some(strange)}`)]),
      ...(read === undefined ? [] : numberProblems(read, layers, about)),
    ],
  };
}

const bad = (text: string): LoraProblem => ({ level: 'bad', text });
const note = (text: string): LoraProblem => ({ level: 'note', text });
const size = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

/** The first few names, and the number of the others. */
const some = (names: readonly string[]): string =>
  `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;

function counted<T extends string>(values: readonly T[]): Partial<Record<T, number>> {
  const counts: Partial<Record<T, number>> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function formatCounts({ tensors }: SafetensorsHeader): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { dtype } of tensors.values()) counts[dtype] = (counts[dtype] ?? 0) + 1;
  return counts;
}

/** Tensors whose shape and byte range disagree: a reader of such a file takes one tensor's bytes for another's. */
function headerProblems(header: SafetensorsHeader): LoraProblem[] {
  const [lying, overlapping] = [lyingTensors(header), overlappingTensors(header)];
  return [
    ...(lying.length === 0 ? [] : [bad(`the header lies about the size of ${some(lying)}`)]),
    ...(overlapping.length === 0 ? [] : [bad(`tensors lie over each other: ${some(overlapping)}`)]),
  ];
}

function alphaOf(path: string, { tensors, start }: SafetensorsHeader, { tensors: roles }: LoraLayer): number | null {
  const facts = tensors.get(roles.alpha ?? '');
  return facts === undefined ? null : readScalar(path, start, facts);
}

function rankCounts(layers: readonly LoraLayer[], alphas: ReadonlyMap<string, number | null>): readonly RankCount[] {
  const counts = new Map<string, RankCount>();
  for (const { part, rank, module } of layers) {
    const alpha = alphas.get(module) ?? null;
    const key = JSON.stringify([part, rank, alpha]);
    counts.set(key, { part, rank, alpha, layers: (counts.get(key)?.layers ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.layers - a.layers);
}

const PREFIX = /^(?:lora_unet_|unet_|base_model_model_|lycoris_unet_|lycoris_|diffusion_model_)/u;

/** Layers of the U-Net that the file has twice, under the names of two programs; readers use one of them. */
function doubles(layers: readonly LoraLayer[]): string[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { part, module } of layers) {
    const name = module.replace(PREFIX, '');
    if (part === 'unet') (seen.has(name) ? twice : seen).add(name);
  }
  return [...twice];
}

function layerProblems(
  layers: readonly LoraLayer[],
  { tensors }: SafetensorsHeader,
  alphas: ReadonlyMap<string, number | null>,
): LoraProblem[] {
  const plain = layers.filter(({ kind }) => kind === 'lora' || kind === 'dora' || kind === 'tucker');
  const halves = plain.filter(({ tensors: roles }) => (roles.down === undefined) !== (roles.up === undefined));
  const orphans = plain.filter(({ tensors: roles }) => roles.down === undefined && roles.up === undefined);
  const unequal = plain.filter(({ kind, tensors: roles }) => {
    const [down, up] = [tensors.get(roles.down ?? '')?.shape, tensors.get(roles.up ?? '')?.shape];
    return kind !== 'tucker' && down !== undefined && up !== undefined && down[0] !== up[1];
  });
  const without = plain.filter(({ module, tensors: roles }) => alphas.get(module) === null && roles.down !== undefined);
  // The alpha of an OFT bounds its rotation, and 0 means no bound; without a rank an alpha is no scale.
  const silent = layers.filter(({ module, rank }) => rank !== null && alphas.get(module) === 0);
  const names = (all: readonly LoraLayer[]) => some(all.map(({ module }) => module));
  const isMixed = without.length > 0 && without.length < plain.length;
  const several = layers.filter(({ tensors: roles }) => size(tensors.get(roles.alpha ?? '')?.shape ?? []) !== 1);
  const twice = doubles(layers);
  const unread = unreadLoraKind([...tensors.keys()]);
  return [
    ...(layers.length === 0 ? [bad('it holds no layer of a LoRA')] : []),
    ...(halves.length === 0 ? [] : [bad(`one half is missing of ${names(halves)}`)]),
    ...(orphans.length === 0 ? [] : [bad(`there is an alpha but no weights of ${names(orphans)}`)]),
    ...(unequal.length === 0 ? [] : [bad(`the two halves have different ranks in ${names(unequal)}`)]),
    ...(several.length === 0 ? [] : [bad(`alpha has several numbers or none in ${names(several)}`)]),
    ...(twice.length === 0 ? [] : [bad(`the same layer is there under two names: ${some(twice)}`)]),
    ...(unread === undefined ? [] : [note(`it is ${unread}: only the program that made it computes with it`)]),
    ...(silent.length === 0 ? [] : [bad(`alpha is 0, so that nothing is added, in ${names(silent)}`)]),
    ...(isMixed ? [note(`alpha is missing in ${names(without)}: readers take the rank`)] : []),
  ];
}

function numberProblems(read: FileNumbers, layers: readonly LoraLayer[], about: LoraAbout): LoraProblem[] {
  const broken = read.tensors.filter((tensor) => tensor.bad > 0);
  const zero = new Set(read.tensors.filter((tensor) => tensor.zero).map(({ name }) => name));
  const empty = layers.filter(({ tensors: roles }) => roles.up !== undefined && zero.has(roles.up));
  const total = broken.reduce((sum, tensor) => sum + tensor.bad, 0);
  const all = empty.length === layers.length && layers.length > 0;
  const changed = about.payload !== null && about.payload !== read.payload;
  return [
    ...(broken.length === 0
      ? []
      : [bad(`${plural(total, 'number')} not finite, in ${some(broken.map(({ name }) => name))}`)]),
    ...(all ? [bad('all its layers are zero: it does nothing')] : []),
    ...(!all && empty.length > 0
      ? [note(`${plural(empty.length, 'layer')} of zeros: ${some(empty.map(({ module }) => module))}`)]
      : []),
    ...(changed ? [note('its weights are not those that its metadata has the hash of: it was changed since')] : []),
  ];
}
