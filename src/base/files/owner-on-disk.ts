/**
 * Finds out which user number this person's files get on a disk: some disks have no owners or modes, or map them
 * (CIFS, NFS with `all_squash`).
 */
import { mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface OwnerOnDisk {
  /** User number of the files that this person creates there. */
  readonly uid: number;
  /** False on disks that let everybody write, whatever mode is asked for. */
  readonly modes: boolean;
}

/** Makes a folder in `dir`, reads its owner and mode, and removes it; undefined where no folder can be made. */
export function ownerOnDisk(dir: string): OwnerOnDisk | undefined {
  let probe: string;
  try {
    probe = mkdtempSync(join(dir, '.mine-'));
  } catch {
    return undefined;
  }
  try {
    const { uid, mode } = statSync(probe);
    return { uid, modes: (mode & 0o022) === 0 };
  } finally {
    rmdirSync(probe);
  }
}
