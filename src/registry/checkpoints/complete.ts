/**
 * Checks that a base model on this disk has all parts that its family needs, and nothing that changes the meaning of
 * its numbers.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { readGiven } from '../../base/files/regular-file.ts';
import type { Family } from '../../spec/schema.ts';
import { vaeFor } from './architecture.ts';
import { type Judged, judgeScheduler, judgeTextEncoder, judgeUnet, judgeVae } from './config-marks.ts';
import { refusalOf, unknownIn } from './marks.ts';
import type { Refusal } from './refusal.ts';
import { readSafetensorsHeader, type SafetensorsHeader } from './safetensors.ts';
import { clipWeights, openClipWeights, unetWeights, vaeWeights, type Weight } from './topology.ts';

type Config = Readonly<Record<string, unknown>>;

export interface BaseOnDisk {
  readonly family: Family;
  readonly layout: 'diffusers' | 'single_file';
  readonly path: string;
  /** Folder with the configuration files of a single-file checkpoint. */
  readonly configDir: string | null;
  readonly vaePath: string | null;
}

interface Part {
  readonly name: 'unet' | 'vae' | 'text_encoder' | 'text_encoder_2';
  readonly title: string;
  readonly judge: (config: Config) => Judged;
  readonly weights: (config: Config) => readonly Weight[];
  /** Prefix of the part's tensor names in a single-file checkpoint. */
  readonly prefix: string;
}

function partsOf(family: Family): Part[] {
  const text = family === 'sdxl' ? 'conditioner.embedders.0.transformer.' : 'cond_stage_model.transformer.';
  const parts: Part[] = [
    { name: 'unet', title: 'U-Net', judge: judgeUnet, weights: unetWeights, prefix: 'model.diffusion_model.' },
    { name: 'vae', title: 'VAE', judge: judgeVae, weights: vaeWeights, prefix: 'first_stage_model.' },
    { name: 'text_encoder', title: 'text encoder', judge: judgeTextEncoder, weights: clipWeights, prefix: text },
  ];
  return family === 'sd15'
    ? parts
    : [
        ...parts,
        {
          name: 'text_encoder_2',
          title: 'second text encoder',
          judge: judgeTextEncoder,
          weights: openClipWeights,
          prefix: 'conditioner.embedders.1.model.',
        },
      ];
}

/**
 * Checks a base model. Returns sentences about keys and tensors in it that this program does not know.
 * @throws UsageError when a LoRA trained on the model would be wrong
 */
export function checkBase(base: BaseOnDisk): string[] {
  const configs = base.layout === 'diffusers' ? base.path : base.configDir;
  const header = base.layout === 'single_file' ? readSafetensorsHeader(base.path) : undefined;
  if (header !== undefined) refuse(base.path, refusalOf(header));
  const notes =
    configs === null ? [] : checkConfig(base.path, join(configs, 'scheduler', 'scheduler_config.json'), judgeScheduler);
  for (const part of partsOf(base.family)) {
    const own = part.name === 'vae' ? base.vaePath : null;
    const config = configPath(configs, part, own);
    if (config === undefined) continue;
    notes.push(...checkConfig(own ?? base.path, config, part.judge));
    const names: ReadonlySet<string> = namesOf(own ?? base.path, part, own === null ? header : undefined);
    if (part.name === 'vae' && names.size === 0) throw withoutVae(base.path, base.family);
    lacks(own ?? base.path, part, part.weights(readConfig(config)), names);
  }
  if (header !== undefined) notes.push(...unknownNames(base.path, header));
  return notes;
}

function unknownNames(path: string, { tensors }: SafetensorsHeader): string[] {
  const unknown = unknownIn(tensors);
  return unknown.length === 0
    ? []
    : [
        `${basename(path)} holds ${unknown.length === 1 ? 'a tensor' : `${unknown.length} tensors`} within its parts that nothing here knows and nothing here reads (${unknown[0]}${unknown.length === 1 ? '' : ' …'}). If it is of a special kind, its LoRA may be wrong.`,
      ];
}

/** The VAE's own configuration lies beside or within the VAE, where the trainer looks for it too. */
function configPath(configs: string | null, part: Part, own: string | null): string | undefined {
  const beside = own === null ? [] : [join(statSync(own).isDirectory() ? own : dirname(own), 'config.json')];
  return [...beside, ...(configs === null ? [] : [join(configs, part.name, 'config.json')])].find((path) =>
    existsSync(path),
  );
}

/**
 * Checks one configuration file; returns its unknown keys, as sentences.
 * @throws UsageError when the configuration changes the meaning of the numbers
 */
export function checkConfig(model: string, path: string, judge: (config: Config) => Judged): string[] {
  if (!existsSync(path)) return [];
  const { refusal, unknown } = judge(readConfig(path));
  refuse(model, refusal);
  return unknown.length === 0
    ? []
    : [
        `${path} has settings that nothing here knows: ${unknown.join(', ')}. If the model is of a special kind, its LoRA may be wrong.`,
      ];
}

export function readConfig(path: string): Config {
  let value: unknown;
  try {
    value = JSON.parse(readGiven(path, 16 << 20).toString('utf8'));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UsageError(`${path} ${missing ? 'is missing' : 'is not valid JSON'}.`, {
      id: 'model/incomplete',
      nextSteps: ['Download the model again.'],
      cause: error,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`${path} is not a configuration file.`, { id: 'model/unreadable' });
  return value as Config;
}

/**
 * Throws the refusal if there is one.
 * @throws UsageError that says what the model is
 */
export function refuse(path: string, refusal: Refusal | undefined): void {
  if (refusal === undefined) return;
  throw new UsageError(`${basename(path)} is ${refusal.what}; a LoRA trained on it here would be wrong.`, {
    id: 'model/not-supported',
    nextSteps: [refusal.cure],
  });
}

/** Names of a part's tensors without its prefix. */
function namesOf(path: string, part: Part, header: SafetensorsHeader | undefined): Set<string> {
  if (header !== undefined) return without(header, part.prefix);
  if (!statSync(path).isDirectory()) return without(readSafetensorsHeader(path), part.prefix, true);
  // A VAE that the person named has no sub-folder for the part: the folder itself is the VAE.
  const folder = existsSync(join(path, part.name)) ? join(path, part.name) : path;
  const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors') && !name.startsWith('.'));
  return new Set(files.flatMap((name) => [...readSafetensorsHeader(join(folder, name)).tensors.keys()]));
}

/** The names that begin with a prefix, without it. A VAE in a file of its own (`lone`) may have the prefix or not. */
function without({ tensors }: SafetensorsHeader, prefix: string, lone = false): Set<string> {
  const names = [...tensors.keys()];
  const inside = names.filter((name) => name.startsWith(prefix));
  return new Set(inside.length === 0 && lone ? names : inside.map((name) => name.slice(prefix.length)));
}

/** The error for a single file of a known family that lacks its VAE. */
export const withoutVae = (path: string, family: Family) =>
  new UsageError(`${basename(path)} is ${family === 'sdxl' ? 'SDXL' : 'Stable Diffusion 1.5'} without its VAE.`, {
    id: 'model/incomplete',
    nextSteps: [
      `Name one in model.vae: ${vaeFor[family]} (--set model.vae=${vaeFor[family]}), or the file that came with the model.`,
      'Or use the complete checkpoint.',
    ],
  });

/**
 * Checks that the part has all weights that its configuration asks for.
 * @throws UsageError when it lacks some
 */
function lacks(path: string, part: Part, weights: readonly Weight[], names: ReadonlySet<string>): void {
  const has = (name: string) =>
    [name, `${name}.weight`, `text_model.${name}.weight`, `${name}.weight.weight`].some((each) => names.has(each));
  const missing = weights.filter(({ ldm, diffusers }) => !has(ldm) && !has(diffusers));
  const [first] = missing;
  if (first === undefined) return;
  throw new UsageError(
    `${basename(path)} is no whole model of its kind: its ${part.title} lacks ${missing.length} of ${weights.length} weights (${first.ldm}${missing.length === 1 ? '' : ' …'}).`,
    {
      id: 'model/incomplete',
      nextSteps: [
        'Download it again if it should be a whole Stable Diffusion 1.5 or SDXL; a smaller relative of them cannot be trained on here.',
      ],
    },
  );
}
