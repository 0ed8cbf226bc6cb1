/** The base model that is named for a command of `lora`: its family, and its files if they are on this machine. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../../base/errors.ts';
import { absolute } from '../../../base/paths.ts';
import { findBase } from '../../../registry/catalogue/find.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import { locateModel } from '../../../registry/catalogue/locate.ts';
import { readModelFacts } from '../../../registry/checkpoints/identify.ts';
import type { Context } from '../../shell/context.ts';
import { type Options, text } from '../shared/options.ts';

export interface NamedBase {
  readonly name: string;
  readonly family: string;
  /** The single-file checkpoint or the diffusers folder; null when it is not on this machine. */
  readonly path: string | null;
  /** The files with the weights of its U-Net and text encoders; none when they are not on this machine. */
  readonly files: readonly string[];
}

const FAMILIES = { sd15: 'SD 1.5', sdxl: 'SDXL' } as const;
/** The parts of a diffusers folder that LoRAs change. */
const PARTS = ['unet', 'text_encoder', 'text_encoder_2'] as const;

/**
 * The named base model.
 * @throws UsageError when it does not exist
 */
export function namedBase(name: string, { places }: Context): NamedBase {
  const entry = findBase(loadRegistry({ configDir: places.config }), name);
  if (entry !== undefined) {
    const { path } = locateModel(entry, places);
    return { name, family: FAMILIES[entry.family], ...filesOf(path, entry.layout === 'single_file') };
  }
  try {
    const path = absolute(name, { cwd: process.cwd() });
    const { family, layout } = readModelFacts(path, { ownVae: true });
    return { name, family: FAMILIES[family], ...filesOf(path, layout === 'single_file') };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`${name} is no base model here.`, {
      id: 'model/none',
      nextSteps: ['visiontrain models list   shows which there are; a path to a file works too'],
      cause,
    });
  }
}

function filesOf(path: string, isSingle: boolean): Pick<NamedBase, 'path' | 'files'> {
  if (!existsSync(path)) return { path: null, files: [] };
  if (isSingle) return { path, files: [path] };
  const folders = PARTS.map((part) => join(path, part)).filter((folder) => existsSync(folder));
  const files = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.safetensors'))
      .sort()
      .map((name) => join(folder, name)),
  );
  return { path, files };
}

/**
 * The files of the base model that `--base` names, for computations with its weights; none when `--base` is missing.
 * @throws UsageError when there is no such base model, or its files are not on this machine
 */
export function baseFiles(options: Options, context: Context): readonly string[] {
  const name = text(options.base);
  if (name === undefined) return [];
  const { files } = namedBase(name, context);
  if (files.length > 0) return files;
  throw new UsageError(`The files of ${name} are not on this machine.`, {
    id: 'model/incomplete',
    nextSteps: [`visiontrain models pull ${name}`, 'or name a file:  --base MODEL.safetensors'],
  });
}
