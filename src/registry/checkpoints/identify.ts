/** Identifies a model of the person's own by its headers and configuration files alone: family, prediction, layout. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { isMissing, readProblem } from '../../base/files/fs-errors.ts';
import type { Family, Prediction } from '../../spec/schema.ts';
import { type Architecture, folderArchitecture, singleFileArchitecture } from './architecture.ts';
import { checkConfig, readConfig, refuse, withoutVae } from './complete.ts';
import { isFlowScheduler, judgeScheduler, judgeTextEncoder, judgeUnet, judgeVae } from './config-marks.ts';
import { type FlowMarks, marksOf, marksOfName, predictionSaid, type VaeScaling, vaeRefusal } from './flow-marks.ts';
import { checkFiles, checkWhole, lostLink, modelInside } from './folder.ts';
import { refusalOf } from './marks.ts';
import { readSafetensorsHeader, type SafetensorsHeader } from './safetensors.ts';

export interface ModelFacts {
  readonly layout: 'diffusers' | 'single_file';
  readonly family: Family;
  readonly prediction: Prediction;
  /**
   * How the prediction is known. `marker`: a tensor of the checkpoint says it. `config`: its scheduler configuration
   * says it. `assumed`: nothing says it, so the usual epsilon is assumed, and a value in the person's run.yaml is
   * preferred.
   */
  readonly predictionFrom: 'marker' | 'config' | 'assumed';
  readonly zeroTerminalSnr: boolean;
  /** The shift of the noise levels of a model of rectified flow, where the model says it. */
  readonly flowShift?: number;
  /** How the latents of its VAE are scaled, where the model says it. */
  readonly vaeScaling?: VaeScaling;
  /** True for a single file without a VAE, for which the person must name one (`model.vae`). */
  readonly lacksVae?: true;
}

export interface IdentifyOptions {
  /** Whether a VAE comes from another file (`model.vae`), so that the model's own VAE is not needed. */
  readonly ownVae?: boolean;
  /** Whether run.yaml says how latents are scaled (`model.vae_scaling`), which a model may not say itself. */
  readonly scaled?: boolean;
}

/**
 * Identifies a base model, whatever files it consists of.
 * @throws {UsageError} that says what is at the path instead, and what to do
 */
export async function identifyModel(path: string, options: IdentifyOptions = {}): Promise<ModelFacts> {
  return readModelFacts(path, options);
}

/** Does the same as `identifyModel`, synchronously. It reads a few kilobytes, a megabyte at most. */
export function readModelFacts(path: string, options: IdentifyOptions = {}): ModelFacts {
  try {
    return statSync(path).isDirectory() ? folderFacts(path, options) : fileFacts(path, options);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${lostLink(path) ?? `${wrongFile(error, path)} ${fileError(error)}`}.`, {
      id: 'model/unreadable',
      cause: error,
    });
  }
}

/** Path of the file that an error is about, when that is one of the model's files. */
function wrongFile(error: unknown, path: string): string {
  const { path: file } = error as NodeJS.ErrnoException;
  return file?.startsWith(path) === true ? file : path;
}

function fileFacts(path: string, { ownVae = false, scaled = false }: IdentifyOptions): ModelFacts {
  const header = readSafetensorsHeader(path);
  const architecture = singleFileArchitecture(header.tensors);
  const family = familyOf(architecture, path);
  const marks = { ...marksOfName(basename(path)), ...marksOf(header.metadata, header.tensors.keys()) };
  refuse(path, refusalOf(header) ?? (scaled ? undefined : vaeRefusal(marks)));
  const lacksVae = architecture.family !== undefined && architecture.lacksVae === true;
  if (lacksVae && !ownVae) throw withoutVae(path, family);
  return { layout: 'single_file', family, ...flowFacts(marks, markers(header)), ...(lacksVae ? { lacksVae } : {}) };
}

/**
 * Tensors that mark the kind of prediction. NoobAI and others put empty tensors with these names into a checkpoint;
 * ComfyUI reads them too.
 */
function markers({ tensors, metadata }: SafetensorsHeader) {
  const zeroTerminalSnr = tensors.has('ztsnr');
  if (tensors.has('v_pred')) return { prediction: 'v_prediction', predictionFrom: 'marker', zeroTerminalSnr } as const;
  const named = predictionSaid(metadata);
  if (named === 'v' || named === 'v_prediction')
    return { prediction: 'v_prediction', predictionFrom: 'marker', zeroTerminalSnr } as const;
  const from = named === 'epsilon' || named === 'eps' ? 'marker' : 'assumed';
  return { prediction: 'epsilon', predictionFrom: from, zeroTerminalSnr } as const;
}

/** The facts of a model, completed with the marks of rectified flow and of another VAE. */
function flowFacts(
  { flow, flowShift, vaeScaling }: FlowMarks,
  facts: Pick<ModelFacts, 'prediction' | 'predictionFrom' | 'zeroTerminalSnr'>,
): Omit<ModelFacts, 'layout' | 'family'> {
  // A name alone may be misleading, so a value in the person's run.yaml is preferred.
  const from = flow === 'its name says so' ? 'assumed' : 'marker';
  const isFlow = flow !== undefined && facts.predictionFrom !== 'marker';
  return {
    ...facts,
    ...(isFlow ? { prediction: 'flow', predictionFrom: from, zeroTerminalSnr: false } : {}),
    ...(isFlow && flowShift !== undefined ? { flowShift } : {}),
    ...(vaeScaling === undefined ? {} : { vaeScaling }),
  };
}

function folderFacts(path: string, { ownVae = false, scaled = false }: IdentifyOptions): ModelFacts {
  checkFiles(path);
  if (!existsSync(join(path, 'model_index.json')))
    throw new UsageError(`${path} is not a model: a diffusers folder holds a model_index.json.`, {
      id: 'model/unreadable',
      nextSteps: [modelInside(path)],
    });
  const marks = marksOfName(basename(path));
  refuse(path, scaled ? undefined : vaeRefusal(marks));
  const index = readConfig(join(path, 'model_index.json'));
  const family = familyOf(folderArchitecture(index, readConfig(join(path, 'unet', 'config.json'))), path);
  const judges = {
    unet: judgeUnet,
    ...(ownVae ? {} : { vae: judgeVae }),
    text_encoder: judgeTextEncoder,
    ...(family === 'sdxl' ? { text_encoder_2: judgeTextEncoder } : {}),
  };
  for (const [part, judge] of Object.entries(judges)) {
    checkConfig(path, join(path, part, 'config.json'), judge);
    checkPart(path, part);
  }
  checkWhole(path, Object.keys(judges));
  const config = join(path, 'scheduler', 'scheduler_config.json');
  checkConfig(path, config, judgeScheduler);
  const scheduler = existsSync(config) ? readConfig(config) : {};
  const facts = schedulerFacts(path, scheduler);
  // Folders of such models often hold a scheduler that the exporting program always writes, and which then says
  // nothing about the model.
  const unsure = facts.prediction === 'epsilon' ? ({ ...facts, predictionFrom: 'assumed' } as const) : facts;
  return { layout: 'diffusers', family, ...(marks.flow === undefined ? facts : flowFacts(marks, unsure)) };
}

/**
 * What the configuration of a model's scheduler says about its predictions.
 * @param model name of the model in the error
 * @throws UsageError when it predicts something that cannot be trained here
 */
export function schedulerFacts(
  model: string,
  scheduler: Readonly<Record<string, unknown>>,
): Pick<ModelFacts, 'prediction' | 'predictionFrom' | 'zeroTerminalSnr' | 'flowShift'> {
  const named = scheduler.prediction_type;
  if (isFlowScheduler(scheduler._class_name)) {
    const shift = Number(scheduler.shift);
    const flowShift = shift > 0 && shift <= 100 ? { flowShift: shift } : {};
    return { prediction: 'flow', predictionFrom: 'config', zeroTerminalSnr: false, ...flowShift };
  }
  if (named !== undefined && named !== 'epsilon' && named !== 'v_prediction')
    throw new UsageError(
      `${model} predicts ${String(named)}; LoRAs are trained here for epsilon, v_prediction and flow.`,
      {
        id: 'model/not-supported',
      },
    );
  return {
    prediction: named ?? 'epsilon',
    predictionFrom: named === undefined ? 'assumed' : 'config',
    zeroTerminalSnr: scheduler.rescale_betas_zero_snr === true,
  };
}

/**
 * Checks that a part has readable and complete safetensors weights.
 * @throws UsageError when it has not
 */
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
      { id: 'model/not-safetensors', nextSteps: ['Download the .safetensors version of the model.'] },
    );
  }
  for (const name of weights) refuse(path, refusalOf(readSafetensorsHeader(join(folder, name))));
}

function familyOf(architecture: Architecture, path: string): Family {
  if (architecture.family !== undefined) return architecture.family;
  const { what, cure } = architecture;
  throw new UsageError(`${basename(path)} is ${what}; LoRAs are trained here on Stable Diffusion 1.5 and SDXL.`, {
    id: 'model/not-supported',
    nextSteps: cure === undefined ? [] : [cure],
  });
}

export function fileError(error: unknown): string {
  return isMissing(error) ? 'does not exist' : readProblem(error);
}
