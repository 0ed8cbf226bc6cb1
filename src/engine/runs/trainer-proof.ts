import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, type ProcessIdentity, ps } from '../../base/process/identity.ts';
import { RUN_FILES } from '../run-folder/layout.ts';

/**
 * Whether the process in supervisor.json really is the trainer of this run and belongs to this user. Anybody who can
 * write to the folder could name another process, but only a real trainer has the folder's own log open as its output.
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
