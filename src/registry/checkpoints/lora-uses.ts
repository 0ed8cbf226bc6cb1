/** Checks LoRA files that are merged into the base model, and reads rank and alpha of a LoRA file. */
import { basename } from 'node:path';
import { checkLoraBase, readLora, refuseDamaged, refusedLora } from './lora.ts';
import { isTrainedKind, lokrForm, loraKind, loraModules, otherLoraKinds, trainedKinds } from './lora-modules.ts';
import { readOneNumber, readSafetensorsHeader, type SafetensorsHeader } from './safetensors.ts';

/** Kinds of LoRA files whose weight change the trainer cannot compute. Its `roles.py` has the same table. */
const UNREAD: readonly (readonly [RegExp, string])[] = [
  [/oft_diag/u, 'an OFT of an early LyCORIS'],
  [/\.oft_R/u, 'an OFT of OneTrainer or peft'],
  [/\.boft_/u, 'a BOFT of peft'],
  [/\.ia3_l/u, 'an (IA)³ of peft'],
  [/\.lambda_layer/u, 'a T-LoRA of LyCORIS'],
  [/\.lora_E/u, 'an AdaLoRA'],
  [/\.vera_/u, 'a VeRA'],
  [/\.set_weight/u, 'a file of whole weights'],
];

/** The kind of a LoRA file whose weight change the trainer cannot compute; undefined when it can. */
export const unreadLoraKind = (names: readonly string[]): string | undefined =>
  UNREAD.find(([pattern]) => names.some((each) => pattern.test(each)))?.[1];

/**
 * Checks a file of `model.merge_loras` by its header.
 * @throws UsageError when it cannot be merged into a base model of this family
 */
export function checkMergedLora(path: string, family: 'sd15' | 'sdxl'): void {
  const key = 'model.merge_loras';
  const header = readLora(path, key);
  const name = basename(path);
  const names = [...header.tensors.keys()];
  const other = unreadLoraKind(names);
  if (other !== undefined)
    throw refusedLora(
      `${name} is ${other}, which is not merged here.`,
      ['Leave it out, or merge it into the base with the program that made it.'],
      key,
    );
  if (loraModules(header).size === 0 && !otherLoraKinds.some(([pattern]) => names.some((each) => pattern.test(each))))
    throw refusedLora(`${name} is no LoRA: it holds no layer of one.`, ['Leave it out, or name another file.'], key);
  checkLoraBase(name, header, family, key);
  refuseDamaged(name, header, key);
}

/** What a run that goes on from a file trains where it is told nothing else. */
export interface LoraFacts {
  readonly kind: (typeof trainedKinds)[keyof typeof trainedKinds];
  /** How a LoKr is split; undefined for other kinds. */
  readonly lokr: ReturnType<typeof lokrForm>;
  /** Rank and alpha, those of its convolutions apart. */
  readonly ranks: Readonly<Record<'rank' | 'alpha' | 'conv_rank' | 'conv_alpha', number | undefined>>;
}

/** Undefined when the file cannot be read or is of a kind that is not trained, which `checkInitLora` tells. */
export function factsOfLora(path: string): LoraFacts | undefined {
  try {
    const header = readSafetensorsHeader(path);
    const kind = loraKind([...header.tensors.keys()]);
    if (!isTrainedKind(kind)) return undefined;
    const modules = [...loraModules(header)];
    const most = (isConvolution: boolean) =>
      modules
        .filter(([, { layer, rank }]) => rank > 0 && layer !== 'text' && (layer === 'convolution') === isConvolution)
        .toSorted(([, a], [, b]) => b.rank - a.rank)[0];
    const [plain, convolution] = [most(false), most(true)];
    const alphaOf = (found: typeof plain | undefined) =>
      found === undefined ? undefined : (alphaInFile(path, header, found[0]) ?? found[1].rank);
    return {
      kind: trainedKinds[kind],
      lokr: kind === 'a LoKr' ? lokrForm(header) : undefined,
      ranks: {
        rank: plain?.[1].rank,
        alpha: alphaOf(plain),
        conv_rank: plain === undefined ? undefined : convolution?.[1].rank,
        conv_alpha: plain === undefined ? undefined : alphaOf(convolution),
      },
    };
  } catch {
    return undefined;
  }
}

/** The alpha of a layer in the file; undefined where the file has none, in which case alpha equals the rank. */
function alphaInFile(path: string, header: SafetensorsHeader, module: string): number | undefined {
  const name = [...header.tensors.keys()].find(
    (each) => each.endsWith('.alpha') && each.slice(0, -'.alpha'.length).replaceAll('.', '_') === module,
  );
  const value = name === undefined ? undefined : readOneNumber(path, header, name);
  return value !== undefined && value > 0 && value <= 4096 ? value : undefined;
}
