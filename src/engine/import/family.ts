/** Refuses settings for models that cannot be trained here, and for work that is no training of a LoRA. Pure. */
import { basename } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { asTyped } from '../../spec/foreign/values.ts';
import type { ForeignPair } from './line.ts';
import type { ForeignFile } from './read.ts';

/** OneTrainer's names of the families that can be trained here. */
const OURS = /^STABLE_DIFFUSION_(?:15|XL_10_BASE)$/u;
/** Words that are true only for another family. */
const SWITCHES: readonly (readonly [RegExp, string])[] = [
  [/^(?:is_flux|flux1_checkbox)$/u, 'FLUX'],
  [/^(?:is_v3|sd3_checkbox)$/u, 'Stable Diffusion 3'],
  [/^(?:v2|is_v2)$/u, 'Stable Diffusion 2'],
  [/^(?:is_lumina2|lumina_checkbox)$/u, 'Lumina 2'],
  [/^is_pixart/u, 'PixArt'],
  [/^is_auraflow$/u, 'AuraFlow'],
];
/** Names of base models of other families. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/flux|flex\.[12]/iu, 'FLUX'],
  [/chroma/iu, 'Chroma'],
  [/stable-diffusion-3|sd3/iu, 'Stable Diffusion 3'],
  [/stable-diffusion-2|sd[_-]?2[._-]?[01]/iu, 'Stable Diffusion 2'],
  [/stable[-_]?cascade/iu, 'Stable Cascade'],
  [/lumina/iu, 'Lumina'],
  [/hidream/iu, 'HiDream'],
  [/omnigen/iu, 'OmniGen'],
  [/qwen/iu, 'Qwen-Image'],
  [/wan2|wan-ai/iu, 'Wan'],
  [/pixart/iu, 'PixArt'],
];

/**
 * Checks a file.
 * @throws UsageError when its settings are for models, or for work, that cannot be done here
 */
export function refuseOtherWork({ pairs, trainer }: ForeignFile, path: string): void {
  const family = otherFamily(pairs);
  if (family !== undefined)
    throw new UsageError(`${basename(path)} is for ${family}; LoRAs are trained here on SD 1.5 and SDXL.`, {
      id: 'model/not-supported',
      nextSteps: ['Take settings for SD 1.5 or SDXL.'],
    });
  const work = trainer === 'ai-toolkit' ? otherWork(pairs) : undefined;
  if (work === undefined) return;
  throw new UsageError(`${basename(path)} is a job of ai-toolkit that trains no LoRA on pictures (${work}).`, {
    id: 'import/other-work',
    nextSteps: ['Taken are its jobs of the type sd_trainer.'],
  });
}

/** Words that every file of a LoRA training has, in programs that save every field. */
const OF_LORA: ReadonlySet<string> = new Set(['network_dim', 'network_module', 'lora_type', 'network_alpha']);

/** What the file trains in place of a LoRA, in its own words; undefined for a LoRA. */
export function trainsOtherThanLora({ pairs, trainer }: ForeignFile): string | undefined {
  const method = pairs.find(({ name, group }) => name === 'training_method' && group === '')?.value;
  if (trainer === 'OneTrainer' && typeof method === 'string' && method !== 'LORA') return `training_method: ${method}`;
  if (trainer !== 'kohya_ss' || pairs.some(({ name }) => OF_LORA.has(name))) return undefined;
  return pairs.some(({ name }) => name === 'token_string') ? 'a textual inversion' : 'a whole model';
}

function otherFamily(pairs: readonly ForeignPair[]): string | undefined {
  const text = (name: string, group?: string) =>
    pairs.find((pair) => pair.name === name && (group === undefined || pair.group === group))?.value;
  for (const { name, value } of pairs) {
    const found = asTyped(value) === true ? SWITCHES.find(([pattern]) => pattern.test(name)) : undefined;
    if (found !== undefined) return found[1];
  }
  const type = text('model_type', '');
  if (typeof type === 'string' && /^[A-Z_0-9]+$/u.test(type) && !OURS.test(type)) return type;
  if (/^flux/iu.test(String(text('lora_type') ?? ''))) return 'FLUX';
  const arch = text('arch', 'model');
  if (typeof arch === 'string' && !/^(?:sd1?|sd15|sdxl|sd_?1\.5|pony|illustrious)$/iu.test(arch)) return arch;
  const base = [text('name_or_path', 'model'), text('pretrained_model_name_or_path'), text('base_model_name')]
    .filter((one) => typeof one === 'string')
    .join(' ');
  return NAMES.find(([pattern]) => pattern.test(base))?.[1];
}

/** Kinds of jobs of ai-toolkit that train a LoRA on images. */
const TRAINING = /^(?:sd_trainer|ui_trainer|diffusion_trainer)$/u;

function otherWork(pairs: readonly ForeignPair[]): string | undefined {
  const job = String(pairs.find(({ name, group }) => name === 'job' && group === '')?.value ?? '');
  if (/^(?:extract|generate|mod)$/u.test(job)) return `job: ${job}`;
  const types = pairs
    .filter(({ name, group }) => name === 'type' && group === 'process')
    .map(({ value }) => String(value));
  const [first] = types;
  return first === undefined || types.some((type) => TRAINING.test(type)) ? undefined : `type: ${first}`;
}
