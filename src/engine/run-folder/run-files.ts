/**
 * Reads the small files of a run folder, which may be a stranger's until they are checked. They are checked by hand and
 * without zod, because `ps` reads them for every run.
 */
import { join } from 'node:path';
import { ForeignFileError, readOurs } from '../../base/files/regular-file.ts';
import { isIdentity } from '../../base/process/identity.ts';
import { leadsDown } from './inside.ts';
import { RUN_FILES, type RunExit, type RunOutput, type SupervisorFile } from './layout.ts';

/** Most bytes of a file. exit.json and supervisor.json hold a few lines, exit.json also the last lines of a log. */
const MOST_BYTES = 1 << 20;
const MOST_LINES = 1000;
/** Latest time that is accepted, in seconds since 1970 (the year 5138). */
const LATEST = 1e11;

/**
 * How the last attempt ended; null when there is no exit.json.
 * @throws ForeignFileError when visiontrain did not write the file
 */
export const readExitStrictly = (dir: string): RunExit | null => read(dir, RUN_FILES.exit, isExit);

/**
 * The present or last supervisor; null when there never was one.
 * @throws ForeignFileError when visiontrain did not write the file
 */
export const readSupervisorStrictly = (dir: string): SupervisorFile | null =>
  read(dir, RUN_FILES.supervisor, isSupervisor);

/** Does the same as `readExitStrictly`, but returns null for a file that is not valid. */
export const readExit = (dir: string): RunExit | null => orNull(() => readExitStrictly(dir));

/** Does the same as `readSupervisorStrictly`, but returns null for a file that is not valid. */
export const readSupervisor = (dir: string): SupervisorFile | null => orNull(() => readSupervisorStrictly(dir));

function orNull<T>(reading: () => T | null): T | null {
  try {
    return reading();
  } catch {
    return null;
  }
}

function read<T>(dir: string, name: string, is: (value: unknown) => value is T): T | null {
  const path = join(dir, name);
  const bytes = readOurs(path, MOST_BYTES);
  if (bytes === undefined) return null;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new ForeignFileError(path, 'is not JSON', error);
  }
  if (!is(value)) throw new ForeignFileError(path, 'is not what visiontrain writes');
  return value;
}

/** Most bytes of plan.json: a million images with long captions. */
const MOST_PLAN = 480_000_000;

/**
 * Content of plan.json, unchecked; undefined when there is none.
 * @throws SyntaxError when it is no JSON, ForeignFileError when it is no plain file
 */
export function readPlanJson(dir: string): unknown {
  const bytes = readOurs(join(dir, RUN_FILES.plan), MOST_PLAN);
  return bytes === undefined ? undefined : JSON.parse(bytes.toString('utf8'));
}

/**
 * Content of plan.json, unchecked, for a value or two; undefined for a plan that cannot be read, which is reported
 * when the run starts.
 */
export function glanceAtPlan(dir: string): unknown {
  try {
    return readPlanJson(dir) ?? undefined;
  } catch {
    return undefined;
  }
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
const isList = <T>(value: unknown, is: (item: unknown) => item is T): value is T[] =>
  Array.isArray(value) && value.length <= MOST_LINES && value.every(is);

function isExit(value: unknown): value is RunExit {
  if (!isObject(value)) return false;
  const { status, code, id, reason, step, outputs, details, next_steps } = value;
  return (
    (status === 'finished' || status === 'failed' || status === 'stopped') &&
    isCount(code) &&
    code < 256 &&
    (id === undefined || isText(id)) &&
    isText(reason) &&
    isCount(step) &&
    isList(outputs, isOutput) &&
    isList(details, isText) &&
    isList(next_steps, isText)
  );
}

const isOutput = (value: unknown): value is RunOutput =>
  isObject(value) && isText(value.path) && leadsDown(value.path) && isCount(value.bytes) && isText(value.sha256);

/** Whether a value can be the number of a job of Slurm, as SLURM_JOB_ID has it. */
export const isJobOfSlurm = (value: unknown): value is string => isText(value) && /^[1-9]\d{0,19}$/u.test(value);

function isSupervisor(value: unknown): value is SupervisorFile {
  if (!isIdentity(value)) return false;
  const { attempt, started_at, trainer, slurm_job } = value as Partial<SupervisorFile>;
  const soundTime = typeof started_at === 'number' && started_at >= 0 && started_at < LATEST;
  const soundJob = slurm_job === undefined || isJobOfSlurm(slurm_job);
  return isCount(attempt) && soundTime && soundJob && (trainer === null || isIdentity(trainer));
}
