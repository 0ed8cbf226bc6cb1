/**
 * Packages that only some runs need. They are installed into folders of their own beside the environment when
 * something needs them. So the environment, and the bytes of every run with it, stay the same.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EnvironmentError } from '../../base/errors.ts';
import { freeBytes } from '../../base/files/disk.ts';
import { sha256OfBytes } from '../../base/files/hash.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { explainWriteError, HOME_ELSEWHERE } from '../../base/files/write-errors.ts';
import { packageRoot } from '../../base/package-root.ts';
import type { Places } from '../../base/paths.ts';
import { formatBytes } from '../../base/text.ts';
import { shellWord } from '../../base/typed-path.ts';
import type { PythonEnvironment } from './check.ts';
import { lackingPackages } from './given.ts';
import type { SetupProgress } from './setup.ts';
import { withBroughtUv } from './tools/bring-python.ts';
import { installFailure } from './tools/failure.ts';
import { chooseInstaller } from './tools/installer.ts';
import { runTool } from './tools/tool.ts';

export interface Extra {
  /** Name of the lock file, and of the option of `setup`. */
  readonly name: 'captions' | 'heif' | 'wandb' | 'trackio' | 'optuna';
  /** Name for people. */
  readonly title: string;
  /** The module that is imported from it. */
  readonly module: string;
  /** Bytes of disk that are needed while it is installed. */
  readonly bytes: number;
}

export const EXTRAS = {
  captions: { name: 'captions', title: 'ONNX Runtime', module: 'onnxruntime', bytes: 300e6 },
  heif: { name: 'heif', title: 'the reader of HEIC pictures', module: 'pillow_heif', bytes: 60e6 },
  wandb: { name: 'wandb', title: 'W&B', module: 'wandb', bytes: 200e6 },
  optuna: { name: 'optuna', title: 'Optuna', module: 'optuna', bytes: 100e6 },
  trackio: { name: 'trackio', title: 'trackio', module: 'trackio', bytes: 700e6 },
} as const satisfies Record<Extra['name'], Extra>;

interface Where {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
}

type ForPython = Pick<PythonEnvironment, 'python_version' | 'kind'>;

/** The folder to add to PYTHONPATH; null when the Python of VISIONTRAIN_PYTHON has the package itself. */
export type ExtraFolder = string | null;

/** The lock file of an extra. */
export const lockOf = ({ name }: Extra): string => join(packageRoot(), 'trainer', 'requirements', `${name}.lock`);

function folderOf({ places }: Where, extra: Extra, { python_version }: ForPython): string {
  const lock = sha256OfBytes(readFileSync(lockOf(extra))).slice(0, 16);
  // Packages are built for a minor version of Python.
  return join(places.envs, `${extra.name}-${lock}-py${python_version.split('.').slice(0, 2).join('.')}`);
}

/** The installed extra; undefined when it is not installed. */
export async function findExtra(where: Where, extra: Extra, environment: ForPython): Promise<ExtraFolder | undefined> {
  const folder = folderOf(where, extra, environment);
  if (existsSync(folder)) return folder;
  const isThere = environment.kind === 'given' && (await lackingPackages(where.env, [extra.module])).length === 0;
  return isThere ? null : undefined;
}

export interface ExtraInput extends Where {
  readonly environment: PythonEnvironment;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: SetupProgress) => void;
}

/**
 * Installs an extra if needed. It may be called at any time, from several processes, and be interrupted: the folder
 * gets its name when it is complete.
 * @throws EnvironmentError with the cure
 */
export async function ensureExtra(extra: Extra, input: ExtraInput): Promise<ExtraFolder> {
  const found = await findExtra(input, extra, input.environment);
  if (found !== undefined) return found;
  const folder = folderOf(input, extra, input.environment);
  try {
    return await install(extra, input, folder);
  } catch (error) {
    throw explainWriteError(error, input.places.envs, HOME_ELSEWHERE);
  }
}

async function install(extra: Extra, input: ExtraInput, folder: string): Promise<string> {
  const { places, env, environment, signal, onProgress } = input;
  makePrivateFolder(places.envs);
  if (freeBytes(places.envs) < extra.bytes)
    throw new EnvironmentError(
      `${extra.title} needs ${formatBytes(extra.bytes)} on the disk of ${places.envs}; ${formatBytes(freeBytes(places.envs))} are free.`,
      { id: 'disk/full', nextSteps: ['Free some space, or set VISIONTRAIN_HOME to a folder on a larger disk.'] },
    );
  const part = `${folder}.part-${process.pid}`;
  const log = `${folder}.log`;
  rmSync(part, { recursive: true, force: true });
  writeFileSync(log, '');
  onProgress({ item: extra.title, done: 0, total: 1 });
  try {
    const installer = await chooseInstaller(withBroughtUv(env, places), environment.python);
    const tool = installer.installBeside(environment.python, lockOf(extra), part);
    const onLine = (line: string) =>
      onProgress({ item: extra.title, done: 0, total: 1, detail: line.trim().slice(0, 100) });
    const { code, tail } = await runTool(tool, { log, signal, onLine });
    if (code !== 0) throw explained(extra, installFailure(`Installing ${extra.title}`, tail, log), environment);
    takeName(part, folder);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  onProgress({ item: extra.title, done: 1, total: 1 });
  return folder;
}

/** Renames the finished folder. Another process may have been faster: its folder holds the same. */
function takeName(part: string, folder: string): void {
  try {
    renameSync(part, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

function explained(extra: Extra, error: EnvironmentError, { kind, python }: PythonEnvironment): EnvironmentError {
  const own = kind === 'given' ? [`Or install it yourself: ${shellWord(python)} -m pip install ${extra.module}`] : [];
  return new EnvironmentError(error.message.replace('The Python environment', extra.title), {
    id: 'environment/setup',
    details: error.details,
    nextSteps: [
      ...error.nextSteps.map((step) =>
        step.replace(/visiontrain setup( --force)?/u, `visiontrain setup --${extra.name}`),
      ),
      ...own,
    ],
    cause: error,
  });
}
