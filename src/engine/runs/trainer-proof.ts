import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, type ProcessIdentity, ps } from '../../base/process/identity.ts';
import { RUN_FILES } from '../run-folder/layout.ts';

/**
 * Whether a process that supervisor.json names is really the trainer of this run, of this user: anybody who can write to
 * the folder could name another. A trainer prints into the folder's own log, which its supervisor opened for it.
 */
export function isTrainerOf(dir: string, trainer: ProcessIdentity): boolean {
  if (isAlive(trainer) !== true) return false;
  if (process.platform !== 'linux')
    return ps(['-o', 'args=', '-p', String(trainer.pid)]).includes('visiontrain_trainer');
  try {
    const log = lstatSync(join(dir, RUN_FILES.log));
    const printsTo = statSync(`/proc/${trainer.pid}/fd/1`);
    const { uid } = statSync(`/proc/${trainer.pid}`);
    const sameFile = log.isFile() && log.nlink === 1 && log.dev === printsTo.dev && log.ino === printsTo.ino;
    return sameFile && uid === process.getuid?.();
  } catch {
    return false;
  }
}
