/** Checks that a disk can hold an environment and allows its programs to run. */
import { EnvironmentError } from '../../base/errors.ts';
import { freeBytes, noexecMount } from '../../base/files/disk.ts';
import { formatBytes } from '../../base/text.ts';
import { shellWord } from '../../base/typed-path.ts';

/**
 * Checks that programs may run from the disk: compiled parts of packages cannot be loaded from a disk that is mounted
 * noexec.
 * @throws EnvironmentError when the folder is on such a disk
 */
export function checkMayRun(folder: string, mounts: string | undefined): void {
  const mount = noexecMount(folder, mounts);
  if (mount === undefined) return;
  throw new EnvironmentError(
    `${shellWord(mount)} is mounted noexec: Python's packages cannot be loaded from ${folder}.`,
    {
      id: 'environment/setup',
      nextSteps: [
        'Use a folder on another disk:  export VISIONTRAIN_HOME=/path/on/it',
        'See which disks allow it:  findmnt -O exec',
      ],
    },
  );
}

/**
 * Checks the free space.
 * @throws EnvironmentError when the disk has fewer free bytes than needed
 */
export function checkDisk(folder: string, needed: number): void {
  const free = freeBytes(folder);
  if (free >= needed) return;
  throw new EnvironmentError(
    `The Python environment needs ${formatBytes(needed)} on the disk of ${folder}; ${formatBytes(free)} are free.`,
    { id: 'disk/full', nextSteps: ['Free some space, or set VISIONTRAIN_HOME to a folder on a larger disk.'] },
  );
}
