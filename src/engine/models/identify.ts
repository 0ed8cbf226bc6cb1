/** What a model of the person's own is, from its headers and configuration files alone: family, prediction, layout. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Family, Prediction } from '../config/schema.ts';
import { UsageError } from '../errors.ts';
import { readGiven } from '../given-file.ts';
import { type Architecture, folderArchitecture, singleFileArchitecture } from './architecture.ts';
import { checkFiles, checkWhole, lostLink, modelInside, partsOf } from './folder.ts';
import { readSafetensorsHeader, type SafetensorsHeader } from './safetensors.ts';

export interface ModelFacts {
  readonly layout: 'diffusers' | 'single_file';
  readonly family: Family;
  readonly prediction: Prediction;
  /**
   * `marker`: the checkpoint says so; `config`: its scheduler configuration does; `assumed`: nothing says, so the
   * usual epsilon is taken and a person's word counts more.
   */
  readonly predictionFrom: 'marker' | 'config' | 'assumed';
  readonly zeroTerminalSnr: boolean;
}

/** @throws {UsageError} with what it is instead, and what to do. */
export async function identifyModel(path: string): Promise<ModelFacts> {
  return readModelFacts(path);
}

/** The same at once; reads a few kilobytes to a megabyte. */
export function readModelFacts(path: string): ModelFacts {
  try {
    return statSync(path).isDirectory() ? folderFacts(path) : fileFacts(path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${lostLink(path) ?? `${wrongFile(error, path)} ${fileError(error)}`}.`, { cause: error });
  }
}

/** The file an error is about, where it is one of the model's. */
function wrongFile(error: unknown, path: string): string {
  const { path: file } = error as NodeJS.ErrnoException;
  return file?.startsWith(path) === true ? file : path;
}

/**
 * The LoRA a run goes on from; whether it fits the base is seen when both are loaded.
 * @throws UsageError when it is not there or no safetensors file, before anything is fetched for it.
 */
export function checkInitLora(path: string): void {
  try {
    readSafetensorsHeader(path);
  } catch (error) {
    const found = error instanceof UsageError ? error.message : `${path} ${fileError(error)}.`;
    throw new UsageError(`training.init_lora: ${found}`, {
      nextSteps:
        error instanceof UsageError && error.nextSteps.length > 0
          ? error.nextSteps
          : ['Check the path; it starts at the folder of run.yaml.'],
      cause: error,
    });
  }
}

function fileFacts(path: string): ModelFacts {
  const header = readSafetensorsHeader(path);
  const family = familyOf(singleFileArchitecture(header.tensors), path);
  return { layout: 'single_file', family, ...markers(header) };
}

/** NoobAI and others put empty tensors of these names into the checkpoint; ComfyUI reads them too. */
function markers({ tensors, metadata }: SafetensorsHeader) {
  const zeroTerminalSnr = tensors.has('ztsnr');
  if (tensors.has('v_pred')) return { prediction: 'v_prediction', predictionFrom: 'marker', zeroTerminalSnr } as const;
  const said = metadata['modelspec.prediction_type']?.toLowerCase();
  if (said === 'v' || said === 'v_prediction')
    return { prediction: 'v_prediction', predictionFrom: 'marker', zeroTerminalSnr } as const;
  const from = said === 'epsilon' ? 'marker' : 'assumed';
  return { prediction: 'epsilon', predictionFrom: from, zeroTerminalSnr } as const;
}

function folderFacts(path: string): ModelFacts {
  checkFiles(path);
  if (!existsSync(join(path, 'model_index.json')))
    throw new UsageError(`${path} is not a model: a diffusers folder holds a model_index.json.`, {
      nextSteps: [modelInside(path)],
    });
  const index = readJson(join(path, 'model_index.json'));
  const family = familyOf(folderArchitecture(index, readJson(join(path, 'unet', 'config.json'))), path);
  const parts = partsOf(family);
  for (const part of parts) checkPart(path, part);
  checkWhole(path, parts);
  const config = join(path, 'scheduler', 'scheduler_config.json');
  const scheduler = existsSync(config) ? readJson(config) : {};
  const said = scheduler.prediction_type;
  if (said !== undefined && said !== 'epsilon' && said !== 'v_prediction')
    throw new UsageError(`${path} predicts ${String(said)}; LoRAs are trained here for epsilon and v_prediction.`);
  return {
    layout: 'diffusers',
    family,
    prediction: said ?? 'epsilon',
    predictionFrom: said === undefined ? 'assumed' : 'config',
    zeroTerminalSnr: scheduler.rescale_betas_zero_snr === true,
  };
}

/** Each part needs readable, whole safetensors weights. */
function checkPart(path: string, part: string): void {
  const folder = join(path, part);
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const weights = names.filter((name) => name.endsWith('.safetensors') && !name.startsWith('.'));
  if (weights.length === 0) {
    const pickled = names.some((name) => name.endsWith('.bin'));
    throw new UsageError(
      pickled
        ? `${folder} has only pickle weights (.bin), which can run code when opened; they are not opened here.`
        : `${path} is not complete: ${part} has no .safetensors weights.`,
      { nextSteps: ['Download the .safetensors version of the model.'] },
    );
  }
  for (const name of weights) readSafetensorsHeader(join(folder, name));
}

function readJson(path: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(readGiven(path, 16 << 20).toString('utf8'));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UsageError(`${path} ${missing ? 'is missing' : 'is not valid JSON'}.`, {
      nextSteps: ['Download the model again.'],
      cause: error,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`${path} is not a configuration file.`);
  return value as Readonly<Record<string, unknown>>;
}

function familyOf(architecture: Architecture, path: string): Family {
  if (architecture.family !== undefined) return architecture.family;
  const { what, cure } = architecture;
  throw new UsageError(`${basename(path)} is ${what}; LoRAs are trained here on Stable Diffusion 1.5 and SDXL.`, {
    nextSteps: cure === undefined ? [] : [cure],
  });
}

function fileError(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read: permission denied';
  return `cannot be read: ${message}`;
}
