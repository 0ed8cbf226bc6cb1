import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** The folder and those above it. Node 20's own recursive call never returns where none can be made, as below /proc. */
export function makeFolder(folder: string, mode = 0o777): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder), mode);
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
