/** Checks the disk space for all files of a download before the first byte of any. */
import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkRoom, nearestFolder, sizeOf } from '../../base/files/disk.ts';
import type { Places } from '../../base/paths.ts';
import { keptPieces } from '../../download/file/partials.ts';
import type { WantedFile } from '../../download/wanted.ts';
import { candidates } from './reuse.ts';

interface Surroundings {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Checks that the disks have room for all files together. Files of unknown size are left out: each is checked when its
 * download begins and its size is known.
 * @throws EnvironmentError when a disk has no room for the bytes that are still to be written
 */
export function checkRoomForAll(files: readonly WantedFile[], what: string, where: Surroundings): void {
  const disks = new Map<number, { folder: string; bytes: number; files: number }>();
  for (const file of files) {
    const bytes = stillToCome(file, where);
    const folder = nearestFolder(dirname(file.path));
    const { dev } = statSync(folder);
    const disk = disks.get(dev) ?? { folder, bytes: 0, files: 0 };
    disks.set(dev, { folder: disk.folder, bytes: disk.bytes + bytes, files: disk.files + (bytes > 0 ? 1 : 0) });
  }
  for (const { folder, bytes, files: count } of disks.values())
    if (bytes > 0) checkRoom(folder, bytes, count > 1 ? `${what} (${count} files)` : what);
}

/**
 * Bytes that a file will still take on its disk. It is 0 when a file of the same size lies on the same disk in one of
 * the places searched for reuse: most likely it has the same bytes, and a hard link takes no room. If the bytes
 * differ, the later check of the file itself finds out.
 */
export function stillToCome(file: WantedFile, { places, env }: Surroundings): number {
  if (file.bytes === undefined || sizeOf(file.path) === file.bytes) return 0;
  const { dev } = statSync(nearestFolder(dirname(file.path)));
  const linkable = candidates(file, places, env).some(
    (path) => sizeOf(path) === file.bytes && statSync(realpathSync(path)).dev === dev,
  );
  return linkable ? 0 : file.bytes - (keptPieces(file, file.bytes)?.doneBytes ?? 0);
}
