/** Checks LoRA files that are merged into the base model, and reads rank and alpha of a LoRA file. */
import { basename } from 'node:path';
import { checkLoraBase, loraModules, otherLoraKinds, readLora, refusedLora } from './lora.ts';
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
}

/**
 * Rank and alpha of a LoRA file, those of its convolutions apart: the defaults of a run that continues from the file.
 * Undefined when the file cannot be read or is no plain LoRA, which `checkInitLora` reports.
 */
export function ranksOfLora(
  path: string,
): Readonly<Record<'rank' | 'alpha' | 'conv_rank' | 'conv_alpha', number | undefined>> | undefined {
  try {
    const header = readSafetensorsHeader(path);
    const modules = [...loraModules(header)];
    const most = (isConvolution: boolean) =>
      modules
        .filter(([, { layer }]) => layer !== 'text' && (layer === 'convolution') === isConvolution)
        .toSorted(([, a], [, b]) => b.rank - a.rank)[0];
    const [plain, convolution] = [most(false), most(true)];
    if (plain === undefined) return undefined;
    const alphaOf = (found: typeof plain | undefined) =>
      found === undefined ? undefined : (alphaInFile(path, header, found[0]) ?? found[1].rank);
    return {
      rank: plain[1].rank,
      alpha: alphaOf(plain),
      conv_rank: convolution?.[1].rank,
      conv_alpha: alphaOf(convolution),
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
