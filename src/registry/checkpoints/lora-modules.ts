/** What a LoRA file is, by its header alone: its kind, the layers of the run's kinds, their ranks, and a LoKr's form. */
import type { SafetensorsHeader } from './safetensors.ts';

/** Kinds of adapters that compute something else than a LoRA, by the names of their tensors. */
export const otherLoraKinds: readonly (readonly [RegExp, string])[] = [
  [/\.lora_E/u, 'an AdaLoRA'],
  [/\.vera_/u, 'a VeRA'],
  [/\.lambda_layer/u, 'a T-LoRA of LyCORIS'],
  [/hada_t1/u, 'a LoHa with a Tucker core'],
  [/hada_/u, 'a LoHa'],
  [/lokr_/u, 'a LoKr'],
  [/dora_scale|lora_magnitude_vector|lora\.magnitude_vector/u, 'a DoRA'],
  [/oft_/u, 'an OFT'],
  [/\.on_input$|\.ia3_l/u, 'an (IA)³'],
  [/\.[ab][12]\.weight$/u, 'a GLoRA'],
  [/\.[wb]_norm$/u, 'a file of full differences'],
  [/\.set_weight$/u, 'a file of whole weights'],
  [/\.diff(_b)?$/u, 'a file of full differences'],
];
const LENGTHS = /dora_scale|magnitude_vector/u;
export const ENDING =
  /(\.processor)?(\.|_)(?:lora_down|lora_up|lora_A|lora_B|lora\.down|lora\.up|lora_linear_layer\.down|lora_linear_layer\.up)(\.default)?\.weight$/u;
export const DOWN = /lora_down|lora_A|lora\.down|layer\.down/u;
/** What tells a layer of a LoHa or LoKr, and its rank where it ends in `_b`. */
const FACTOR = /\.(?:hada_w1_b|lokr_w[12](?:_b)?)$/u;
const TEXT = /^(lora_te\d?_|text_encoder|te\d?_|clip_[lg]_|lycoris_te)/u;
/** Convolutions by name, for kinds that store them as matrices. Names of diffusers, and of the original layout. */
const WIDE = /_(conv[12]?|conv_in|conv_out|in_layers_2|out_layers_3|op|input_blocks_0_0|out_2)$/u;

export type LayerKind = 'attention' | 'transformer' | 'convolution' | 'residual' | 'text';

export interface LoraModule {
  readonly layer: LayerKind;
  /** 0 for a layer of a LoKr that is whole, and so fits every rank. */
  readonly rank: number;
}

/** The kinds that a run trains, by the words for them. */
export const trainedKinds = {
  'a LoRA': { adapter: 'lora', dora: false },
  'a DoRA': { adapter: 'lora', dora: true },
  'a LoHa': { adapter: 'loha', dora: false },
  'a LoKr': { adapter: 'lokr', dora: false },
} as const;
export type TrainedKind = keyof typeof trainedKinds;

export const isTrainedKind = (kind: string): kind is TrainedKind => Object.hasOwn(trainedKinds, kind);

/** What a file is; a LoRA where nothing in it tells another kind. */
export function loraKind(names: readonly string[]): string {
  const kind = otherLoraKinds.find(([pattern]) => names.some((each) => pattern.test(each)))?.[1] ?? 'a LoRA';
  const isLengths = kind !== 'a DoRA' && names.some((each) => LENGTHS.test(each));
  return isLengths ? `${kind} with DoRA` : kind;
}

/** Whether a DoRA's lengths are those of its outputs, as peft has them, and not of its inputs. */
export const isDoraOfOutputs = ({ tensors }: SafetensorsHeader): boolean =>
  [...tensors].some(([name, { shape }]) => LENGTHS.test(name) && (shape.length < 2 || shape[0] !== 1));

/** Modules by their kohya names. */
export function loraModules({ tensors }: SafetensorsHeader): Map<string, LoraModule> {
  const modules = new Map<string, LoraModule>();
  for (const [name, { shape }] of tensors) {
    const isDown = ENDING.test(name) && DOWN.test(name);
    if (!isDown && !FACTOR.test(name)) continue;
    const plain = name.replace(ENDING, '').replace(FACTOR, '').replace('.processor.', '.').replaceAll('.', '_');
    const module = plain.endsWith('_to_out') ? `${plain}_0` : plain;
    const layer = layerOf(module, shape);
    const before = modules.get(module)?.rank ?? 0;
    modules.set(module, { layer, rank: isDown || name.endsWith('_b') ? Math.max(before, shape[0] ?? 0) : before });
  }
  return modules;
}

export function layerOf(module: string, shape: readonly number[]): LayerKind {
  if (TEXT.test(module)) return 'text';
  if (/attn[12]_to_(q|k|v|out_0)$/u.test(module)) return 'attention';
  if (/transformer_blocks|proj_in$|proj_out$/u.test(module)) return 'transformer';
  const isWide = shape.length > 2 ? Math.max(...shape.slice(2)) > 1 : WIDE.test(module);
  return isWide ? 'convolution' : 'residual';
}

/** Shapes of the two parts of a LoKr's layer, each out and in. */
interface Parts {
  readonly first: readonly [number, number];
  readonly second: readonly [number, number];
}

/** How a file splits the layers of a LoKr; undefined for other files, and where no one factor tells all layers. */
export function lokrForm({
  tensors,
}: SafetensorsHeader): { factor: number; decompose_both: boolean; full: boolean } | undefined {
  const names = [...tensors.keys()];
  const stems = new Set(
    names.filter((name) => /\.lokr_w1(_a)?$/u.test(name)).map((name) => name.replace(/\.[^.]*$/u, '')),
  );
  const layers = [...stems].map((stem) => partsOf(tensors, stem));
  if (layers.length === 0 || layers.some((parts) => parts === undefined)) return undefined;
  const all = layers.filter((parts) => parts !== undefined);
  const factors = [-1, ...new Set(all.flatMap(({ first }) => first).toSorted((a, b) => b - a))];
  const factor = factors.find((each) => all.every((parts) => isSplitBy(parts, each)));
  if (factor === undefined) return undefined;
  return {
    factor,
    decompose_both: names.some((name) => name.endsWith('.lokr_w1_a')),
    full: !names.some((name) => name.endsWith('.lokr_w2_a')),
  };
}

function partsOf(tensors: SafetensorsHeader['tensors'], stem: string): Parts | undefined {
  const shape = (name: string) => tensors.get(`${stem}.${name}`)?.shape;
  const sides = (part: string): readonly [number, number] | undefined => {
    const whole = shape(part);
    if (whole !== undefined) return [whole[0] ?? 0, whole[1] ?? 0];
    const [a, b] = [shape(`${part}_a`), shape(`${part}_b`)];
    if (a === undefined || b === undefined || tensors.has(`${stem}.lokr_t2`)) return undefined;
    const area = part === 'lokr_w2' && layerOf(stem.replaceAll('.', '_'), []) === 'convolution' ? AREA : 1;
    return [a[0] ?? 0, (b[1] ?? 0) / area];
  };
  const [first, second] = [sides('lokr_w1'), sides('lokr_w2')];
  return first === undefined || second === undefined ? undefined : { first, second };
}

/** Weights of a 3×3 kernel; the names of `WIDE` are those of no other. */
const AREA = 9;

const isSplitBy = ({ first, second }: Parts, factor: number): boolean =>
  first.every((size, i) => smallerPart(size * (second[i] ?? 0), factor) === size);

/** The smaller part that a side is split into, as the trainer's `lokr.py` has it. */
function smallerPart(side: number, factor: number): number {
  if (factor > 0 && side % factor === 0) return Math.min(factor, side / factor);
  const root = Math.floor(Math.sqrt(side));
  let size = Math.max(1, factor < 0 ? root : Math.min(factor, root));
  while (side % size !== 0) size--;
  return size;
}
