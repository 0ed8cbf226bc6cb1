import { closeSync, constants, lstatSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ForeignFileError, strangeKind } from '../../base/files/regular-file.ts';
import { RUN_FILES } from './layout.ts';

/** `stop`, `save` and `sample` are requests to the trainer, `kill` is one to the supervisor. */
export type Request = 'stop' | 'save' | 'sample' | 'kill';

const path = (runDir: string, request: Request): string => join(runDir, RUN_FILES.control, request);

/**
 * Leaves a request in the run folder, which works across containers and mounts where signals do not.
 * @throws ForeignFileError when `control` leads out of the run folder
 */
export function makeRequest(runDir: string, request: Request): void {
  const control = join(runDir, RUN_FILES.control);
  const there = lstatSync(control, { throwIfNoEntry: false });
  if (there === undefined) mkdirSync(control, { mode: 0o700 });
  else if (!there.isDirectory()) throw new ForeignFileError(control, strangeKind(there) ?? 'is a file');
  try {
    closeSync(openSync(path(runDir, request), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const problem = strangeKind(lstatSync(path(runDir, request)));
    if (problem !== undefined) throw new ForeignFileError(path(runDir, request), problem, error);
  }
}

export function hasRequest(runDir: string, request: Request): boolean {
  try {
    return lstatSync(path(runDir, request)).isFile();
  } catch {
    return false;
  }
}

/** Removes a request. Anything of that name but a plain file is no request, and is left alone. */
export function dropRequest(runDir: string, request: Request): void {
  if (hasRequest(runDir, request)) rmSync(path(runDir, request), { force: true });
}

/** Names of the files in `control` in which processes other than the first report why they failed. */
export function failures(runDir: string): string[] {
  try {
    return readdirSync(join(runDir, RUN_FILES.control)).filter((name) => /^failed-\d{1,4}\.json$/u.test(name));
  } catch {
    return [];
  }
}

/** Removes the requests of an earlier attempt, and the messages between its supervisor and trainer. */
export function dropAllRequests(runDir: string): void {
  for (const name of ['told', 'handled', 'meeting']) rmSync(join(runDir, RUN_FILES.control, name), { force: true });
  for (const name of failures(runDir)) rmSync(join(runDir, RUN_FILES.control, name), { force: true });
  for (const request of ['stop', 'save', 'sample', 'kill'] as const) dropRequest(runDir, request);
}
