/** The files of this program, which an update or a build may replace while it runs: later parts of it are then missing. */
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { EnvironmentError } from './errors.ts';

/** Folder of the bundle; another one where the program runs from its source. */
const BUNDLE = 'dist';
/** The file that every command loads first. */
const CORE = 'cli.cjs';

/**
 * Whether the bundle was replaced after `since`, in milliseconds since 1970: when this process began. The time of change
 * counts, since packages carry times of their own.
 */
export function wasReplaced(
  folder: string = import.meta.dirname,
  since: number = Date.now() - process.uptime() * 1000,
): boolean {
  if (basename(folder) !== BUNDLE) return false;
  try {
    return statSync(join(folder, CORE)).ctimeMs > since;
  } catch {
    return true;
  }
}

/** What an error means that nobody foresaw, where the program's own files are its cause; undefined for any other. */
export function programProblem(error: unknown, isReplaced: () => boolean = wasReplaced): EnvironmentError | undefined {
  const { code = '' } = error as NodeJS.ErrnoException;
  // A module that is there may be of the newer version, and then fails in any way.
  if (isReplaced())
    return new EnvironmentError('visiontrain was updated or built anew while this command ran.', {
      id: 'package/updated',
      nextSteps: ['Type the same command again.'],
      cause: error,
    });
  if (!['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(code)) return undefined;
  const message = String((error as Error).message).split('\n')[0] ?? '';
  return packageIncomplete(/'([^']+)'/u.exec(message)?.[1] ?? message, error);
}

/** A file of the package that is not there. */
export const packageIncomplete = (file: string, cause?: unknown): EnvironmentError =>
  new EnvironmentError(`${file} is missing: the package is not complete.`, {
    id: 'package/incomplete',
    nextSteps: ['npm install -g visiontrain   installs it anew', 'In a clone:  npm install; npm run build'],
    cause,
  });
