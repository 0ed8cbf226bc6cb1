import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes the folder and those above it. Node's own recursive call is not used: it never returns where no folder can be
 * made (/proc), and on a read-only disk it reports that something is missing (ENOENT). Both were seen with Node 20.20,
 * 22.22, 24.21 and 26.10.
 * @throws errors of the file system; EEXIST where a part of the path is a link that leads nowhere
 */
export function makeFolder(folder: string, mode = 0o777): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder), mode);
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !existsSync(folder)) throw error;
  }
}
