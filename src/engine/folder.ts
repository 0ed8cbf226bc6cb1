import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** The folder and those above it. Node 20's own recursive call never returns where none can be made, as below /proc. */
export function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
