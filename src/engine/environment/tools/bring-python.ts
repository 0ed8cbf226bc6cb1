/**
 * Provides a Python from which the environment is made: one of this machine, or, where none fits, one that is fetched.
 * On many fresh machines Python's venv module is missing, on some Python itself: uv replaces both without a password.
 */
import { delimiter, join } from 'node:path';
import { isOn } from '../../../base/env-flag.ts';
import { EnvironmentError, VisiontrainError } from '../../../base/errors.ts';
import { makeFolder } from '../../../base/files/folder.ts';
import type { Places } from '../../../base/paths.ts';
import { downloadSettings } from '../../../download/http/settings.ts';
import { fetchUv, uvFolder } from '../bring/fetch-uv.ts';
import { UV_VERSION, type UvFile, uvFile } from '../bring/uv-files.ts';
import type { WheelSources } from '../bring/wheel-source.ts';
import { hasUv, pipSettings } from './installer.ts';
import { installEnvironment, type PipSettings, uvEnvironment } from './pip-settings.ts';
import { findPython, type Python } from './python.ts';
import { runTool } from './tool.ts';

/** Version of Python that is fetched: the newest one for which every build of PyTorch in our table has wheels. */
const BROUGHT_PYTHON = '3.12';

export interface BasePythonInput {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Newest minor version of Python 3 that fits. */
  readonly newest: number | undefined;
  /** File that the output of tools is appended to. */
  readonly log: string;
  /** Called with the item that is being fetched, and its progress. */
  readonly onWork: (item: string, bytes?: { readonly done: number; readonly total: number }) => void;
  /** The uv that is fetched; tests pass a small file. */
  readonly uv?: UvFile | undefined;
}

/** A Python, and the variables with which the tools that make environments are found. */
export interface BasePython {
  readonly base: Python;
  readonly env: NodeJS.ProcessEnv;
}

/** The variables with the fetched uv last on the PATH, so that a uv of the person's own is preferred. */
export const withBroughtUv = (env: NodeJS.ProcessEnv, { envs }: Places): NodeJS.ProcessEnv => ({
  ...env,
  PATH: [...(env.PATH ? [env.PATH] : []), uvFolder(envs)].join(delimiter),
});

/**
 * Finds a Python. It fetches uv, and a Python through uv, only when no Python of this machine can make an environment.
 * @throws EnvironmentError with the cure, when nothing fits and nothing can or may be fetched
 */
export async function basePython(input: BasePythonInput): Promise<BasePython> {
  const env = withBroughtUv(input.env, input.places);
  const find = (needsVenv: boolean) => findPython(env, { needsVenv, newest: input.newest, signal: input.signal });
  const uv = await hasUv(env, input.signal);
  try {
    return { base: await find(!uv), env };
  } catch (error) {
    if (!(error instanceof EnvironmentError) || !mayBring(input.env)) throw error;
    try {
      if (!uv) await bringUv(input, env);
      return { base: await find(false).catch(() => installPython(input, env)), env };
    } catch (why) {
      input.signal.throwIfAborted();
      throw withReason(error, why);
    }
  }
}

/** Whether programs other than our packages may be fetched: yes, unless the person forbids it. */
export const mayBring = (env: NodeJS.ProcessEnv): boolean =>
  env.VISIONTRAIN_BRING_PYTHON === undefined || isOn(env.VISIONTRAIN_BRING_PYTHON);

function withReason(error: EnvironmentError, why: unknown): EnvironmentError {
  if (!(why instanceof Error)) return error;
  const details = why instanceof VisiontrainError ? why.details : [];
  return new EnvironmentError(error.message, {
    id: error.id,
    details: [...error.details, `uv ${UV_VERSION} could not bring one: ${why.message}`, ...details],
    nextSteps: error.nextSteps,
    cause: why,
  });
}

async function bringUv(input: BasePythonInput, env: NodeJS.ProcessEnv): Promise<void> {
  const file = input.uv ?? uvFile(process.platform, process.arch);
  if (file === undefined) throw new Error(`there is none for ${process.platform} on ${process.arch}.`);
  const item = `uv ${UV_VERSION}, which makes the environment`;
  input.onWork(item);
  const settings = await pipSettings(installEnvironment(env), 'python3', input.signal);
  const folder = await fetchUv({
    envs: input.places.envs,
    file,
    sources: wheelSources(settings, env),
    settings: downloadSettings(env),
    env: uvEnvironment(settings, env),
    signal: input.signal,
    onBytes: (done, total) => input.onWork(item, { done, total }),
  });
  if (folder === undefined) throw new Error(`no package index that can be reached has ${file.name}.`);
  if (!(await hasUv(env, input.signal))) throw new Error(`${join(folder, 'uv')} does not run here.`);
}

/** The sources of the person's packages, from the settings of pip or uv. */
export function wheelSources(pip: PipSettings, env: NodeJS.ProcessEnv): WheelSources {
  const { UV_DEFAULT_INDEX, UV_INDEX, UV_FIND_LINKS, UV_NO_INDEX } = uvEnvironment(pip, env);
  const words = (text: string | undefined) => (text ?? '').split(/[\s,]+/u).filter((word) => word !== '');
  return {
    links: words(UV_FIND_LINKS),
    indexes: isOn(UV_NO_INDEX) ? [] : [...words(UV_DEFAULT_INDEX ?? 'https://pypi.org/simple'), ...words(UV_INDEX)],
  };
}

/** Makes uv install a Python of the pinned version into our folder. */
async function installPython(input: BasePythonInput, env: NodeJS.ProcessEnv): Promise<Python> {
  const { places, signal, log, onWork } = input;
  const folder = join(places.envs, 'python');
  makeFolder(folder, 0o700);
  onWork(`Python ${BROUGHT_PYTHON}, by uv`);
  const tool = { ...uvEnvironment({}, installEnvironment(env)), UV_PYTHON_INSTALL_DIR: folder };
  const run = (...argv: [string, ...string[]]) => runTool({ argv, env: tool }, { log, signal });
  const installed = await run('uv', 'python', 'install', '--no-bin', '--no-progress', BROUGHT_PYTHON);
  if (installed.code !== 0) throw new Error(installed.tail.at(-1) ?? 'uv did not say why.');
  const found = await run('uv', 'python', 'find', '--managed-python', '--no-project', BROUGHT_PYTHON);
  const path = found.stdout.trim();
  if (found.code !== 0 || path === '') throw new Error(found.tail.at(-1) ?? 'uv does not find what it fetched.');
  return findPython({ ...env, PATH: join(path, '..') }, { needsVenv: false, newest: input.newest, signal });
}
