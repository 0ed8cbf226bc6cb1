import { constants as access } from 'node:fs';
import { constants } from 'node:os';
import { basename, isAbsolute, join, relative, resolve } from 'node:path';
import type { ErrorId } from '../../base/error-catalogue.ts';
import { ConfigError, EXIT, VisiontrainError } from '../../base/errors.ts';
import { freeBytes } from '../../base/files/disk.ts';
import { sha256OfOpen } from '../../base/files/hash.ts';
import { lastLogLines } from '../../base/files/log-lines.ts';
import { openOursLater } from '../../base/files/regular-file.ts';
import { diskFull } from '../../base/files/write-errors.ts';
import { programProblem } from '../../base/program-files.ts';
import { renewal } from '../environment/tools/failure.ts';
import type { RunState } from '../events/run-state.ts';
import type { Plan } from '../plan/schema.ts';
import { RUN_FILES, type RunExit, type RunOutput } from '../run-folder/layout.ts';
import type { LiveFolder } from '../runs/live-folder.ts';
import type { TrainerEnd } from './trainer-process.ts';

interface TrainerStory {
  readonly folder: LiveFolder;
  readonly end: TrainerEnd;
  /** State from the events of the whole run. */
  readonly state: RunState;
  /** Whether a person or the system asked for an end with a checkpoint. */
  readonly stopAsked: boolean;
  /** Whether somebody asked for an end without a checkpoint. */
  readonly killAsked: boolean;
  readonly plan: CrashPlan;
  /** Environment of the trainer. */
  readonly env: NodeJS.ProcessEnv;
}

/** The settings of a plan that could be changed to need less memory. */
export interface CrashPlan {
  readonly training: Pick<Plan['training'], 'batch_size'>;
  readonly resources: Pick<Plan['resources'], 'device' | 'gradient_checkpointing' | 'workers'>;
}

/**
 * Interprets the end of the trainer. The result that it wrote counts first; without one, its exit status and last
 * lines do.
 */
export async function trainerOutcome(story: TrainerStory): Promise<RunExit> {
  const { folder, end, state, stopAsked, killAsked } = story;
  const { dir } = folder;
  const { result, step } = state;
  if (result?.status === 'finished' && end.code === EXIT.ok) return finished(folder, state);
  if (result?.status === 'stopped' && end.code === result.code)
    return {
      ...ended('stopped', result.code, result.reason ?? 'stopped on request', step),
      // If the outputs cannot be checked, they are not listed, and the outcome stays the same.
      outputs: await checkOutputs(dir, savedAt(state, step)).catch(() => []),
      next_steps: result.next_steps ?? [resumeHint(folder)],
    };
  if (result?.status === 'failed' && end.code === result.code)
    return {
      ...failed(result.code, result.id ?? 'training/failed', result.reason ?? 'the trainer did not say why', step),
      details: result.details ?? [],
      next_steps: result.next_steps ?? [logsHint(folder)],
    };
  if (end.code !== EXIT.ok && (killAsked || (stopAsked && endedFromOutside(end)))) {
    const reason = 'ended on request, without waiting for a checkpoint';
    return { ...ended('stopped', EXIT.stopped, reason, step), next_steps: [resumeHint(folder)] };
  }
  // Because the disk is full, the trainer could not even write its result.
  if (end.code === EXIT.environment && freeBytes(dir) < NO_ROOM) {
    return errorOutcome(folder, diskFull(folder.path()), step);
  }
  const lines = lastLogLines(join(dir, RUN_FILES.log), 15);
  const { id, reason, nextSteps } = crashReason(story, lines.at(-1));
  return {
    ...failed(EXIT.training, id, reason, step),
    details: lines.length > 0 ? [`Last lines of ${RUN_FILES.log}:`, ...lines] : [],
    next_steps: [...nextSteps, resumeHint(folder)],
  };
}

/** Whether a signal from outside ended the trainer, and not one that means a crash. */
function endedFromOutside({ code, signal }: TrainerEnd): boolean {
  const ends: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL'];
  // A shell in between reports a signal as 128 + its number.
  return signal === null ? ends.some((name) => code === 128 + constants.signals[name]) : ends.includes(signal);
}

/** Free bytes below which a disk counts as full; every write of a run needs more. */
const NO_ROOM = 1 << 20;

/**
 * The outcome when the trainer wrote no result. A run that failed because of the network or the machine can be resumed
 * once those are mended.
 */
export function errorOutcome(folder: LiveFolder, thrown: unknown, step: number): RunExit {
  const named = (text: string) => text.replaceAll(folder.dir, folder.path());
  const error = thrown instanceof VisiontrainError ? thrown : (programProblem(thrown) ?? thrown);
  if (!(error instanceof VisiontrainError)) {
    const message = String((error as Error)?.message ?? error);
    return failed(EXIT.bug, 'bug/unexpected', `visiontrain hit a bug: ${named(message)}`, step);
  }
  const exit = failed(error.exitCode, error.id, named(error.message), step);
  const problems = error instanceof ConfigError ? error.problems.map(({ key, message }) => `${key} ${message}`) : [];
  const again = error.exitCode === EXIT.download || error.exitCode === EXIT.environment ? [resumeHint(folder)] : [];
  const details = [...problems, ...error.details].map(named);
  return { ...exit, details, next_steps: [...error.nextSteps, ...again].map(named) };
}

/** The outcome of a stop before the trainer was started. */
export const stoppedEarly = (folder: LiveFolder, step: number): RunExit => ({
  ...ended('stopped', EXIT.stopped, 'stopped before the training began', step),
  next_steps: [resumeHint(folder)],
});

const ended = (status: RunExit['status'], code: number, reason: string, step: number): RunExit => ({
  status,
  code,
  reason,
  step,
  outputs: [],
  details: [],
  next_steps: [],
});

const failed = (code: number, id: string, reason: string, step: number): RunExit => ({
  ...ended('failed', code, reason, step),
  id,
});

async function finished(folder: LiveFolder, state: RunState): Promise<RunExit> {
  const { step } = state;
  const next_steps = [logsHint(folder), resumeHint(folder)];
  try {
    const outputs = await checkOutputs(folder.dir, state.outputs);
    if (outputs.length === 0)
      return { ...failed(EXIT.training, 'training/no-lora', 'the trainer ended without a LoRA', step), next_steps };
    return { ...ended('finished', EXIT.ok, state.result?.reason ?? 'finished', step), outputs };
  } catch (error) {
    return { ...failed(EXIT.training, 'training/no-lora', (error as Error).message, step), next_steps };
  }
}

/** The LoRA files of the step at which the run was stopped. */
const savedAt = ({ saved }: RunState, at: number) => saved.filter(({ step }) => step === at);

/** Reads every output again, so that exit.json lists only files that are on the disk as reported. */
async function checkOutputs(dir: string, announced: readonly RunOutput[]): Promise<RunOutput[]> {
  const outputs: RunOutput[] = [];
  for (const { path, sha256 } of announced) {
    const inside = relative(dir, resolve(dir, path));
    if (inside.startsWith('..') || isAbsolute(inside))
      throw new Error(`an output lies outside the run folder: ${path}`);
    const { bytes, sha256: found } = await readOutput(join(dir, inside), path);
    if (found !== sha256) throw new Error(`${path} is damaged: its SHA-256 is ${found}, not ${sha256}`);
    outputs.push({ path: inside, bytes, sha256 });
  }
  return outputs;
}

async function readOutput(file: string, name: string): Promise<{ bytes: number; sha256: string }> {
  const found = await openOursLater(file, access.O_RDONLY).catch((error: unknown) => {
    throw new Error(`${name} was announced but is not there`, { cause: error });
  });
  try {
    return { bytes: (await found.stat()).size, sha256: await sha256OfOpen(found) };
  } finally {
    await found.close();
  }
}

const logsHint = (folder: LiveFolder): string =>
  `visiontrain logs ${basename(folder.path())}   shows what the trainer printed`;
const resumeHint = (folder: LiveFolder): string => `visiontrain resume ${basename(folder.path())}`;

/**
 * Advice on how to need less main memory, as far as the settings do not follow it already. (When a card's memory is
 * full, the trainer reports that itself.)
 */
function lessMemory({ training, resources }: CrashPlan): string[] {
  const { device, gradient_checkpointing: checkpointing, workers } = resources;
  const sets = device.startsWith('cuda')
    ? []
    : [
        ...(training.batch_size > 1 ? ['--set training.batch_size=1'] : []),
        ...(checkpointing === 'full' ? [] : ['--set resources.gradient_checkpointing=full']),
      ];
  if (workers > 0) sets.push('--set resources.workers=0');
  return [
    ...sets.map((set, i) => `${i === 0 ? "Use less of the machine's memory:" : 'or:'}  ${set}`),
    'Close other programs, or give the machine (or its container) more memory.',
  ];
}

export function crashReason(
  { end: { code, signal, outOfMemory }, plan, env }: Pick<TrainerStory, 'end' | 'plan' | 'env'>,
  lastLine: string | undefined,
): { id: ErrorId; reason: string; nextSteps: string[] } {
  // A shell in between reports a signal as 128 + its number.
  const id = 'training/crashed';
  const killed = signal === 'SIGKILL' || code === 137;
  if (killed && outOfMemory)
    return {
      id: 'training/killed',
      reason: 'the machine ran out of memory, and the system ended the trainer',
      nextSteps: lessMemory(plan),
    };
  if (killed)
    return {
      id: 'training/killed',
      reason: "the trainer was killed (SIGKILL), most often for want of the machine's memory, or by a limit of it",
      nextSteps: lessMemory(plan),
    };
  if (signal === 'SIGTERM' || signal === 'SIGINT' || signal === 'SIGHUP')
    return { id: 'training/killed', reason: `the trainer was ended from outside (${signal})`, nextSteps: [] };
  if (signal !== null)
    return { id, reason: `the trainer crashed (${signal}) inside a native library`, nextSteps: [renewal(env)] };
  const lastWords = lastLine === undefined ? 'said nothing' : `its last line was: ${lastLine}`;
  return { id, reason: `the trainer ended with code ${code}; ${lastWords}`, nextSteps: [] };
}
