/** Checks disks, shared memory and the folders of the program. */
import { accessSync, constants, existsSync, lstatSync, statfsSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { freeBytes, nearestFolder, noexecMount } from '../../base/files/disk.ts';
import { isForeign } from '../../base/files/private-folder.ts';
import type { Places } from '../../base/paths.ts';
import { formatBytes, formatRate } from '../../base/text.ts';
import { shellWord } from '../../base/typed-path.ts';
import { bad, good, type HealthFinding, warn } from './finding.ts';

/** Free bytes that an SDXL run with its environment and model needs, and the least with which the demo runs. */
const GOOD_FREE = 40e9;
const LEAST_FREE = 5e9;
/**
 * Bytes that are written to measure the disk, and the bytes per second below which saving a checkpoint becomes slow.
 */
const TRIAL = 64 << 20;
const SLOW_DISK = 40e6;

export async function examineFolders(places: Places): Promise<readonly HealthFinding[]> {
  return [await disk(places.home), ...rights(places), ...sharedMemory()];
}

async function disk(home: string): Promise<HealthFinding> {
  const at = nearestFolder(home);
  const free = freeBytes(at);
  const cure = 'Put everything on a larger disk: export VISIONTRAIN_HOME=/path/on/it';
  if (free < LEAST_FREE)
    return bad('disk', 'Disk', `${formatBytes(free)} are free at ${at}: too little to train`, cure);
  const speed = await writeSpeed(at);
  const fast = speed === undefined ? '' : `, it writes ${formatRate(speed, 'bytes')}`;
  const text = `${formatBytes(free)} are free at ${at}${fast}`;
  if (free < GOOD_FREE) return warn('disk', 'Disk', `${text}; SDXL takes about 40 GB in all`, cure);
  if (speed !== undefined && speed < SLOW_DISK) return warn('disk', 'Disk', `${text}: slow`, cure);
  return good('disk', 'Disk', text);
}

/** Writing speed in bytes per second, flushed to the disk; undefined where nothing can be written. */
async function writeSpeed(folder: string): Promise<number | undefined> {
  let dir: string | undefined;
  try {
    dir = await mkdtemp(join(folder, '.visiontrain-doctor-'));
    const file = await open(join(dir, 'trial'), 'w');
    const chunk = Buffer.alloc(4 << 20, 0xa5);
    const started = performance.now();
    for (let written = 0; written < TRIAL; written += chunk.length) await file.write(chunk);
    await file.sync();
    const seconds = (performance.now() - started) / 1000;
    await file.close();
    return TRIAL / seconds;
  } catch {
    return undefined;
  } finally {
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  }
}

function rights(places: Places): HealthFinding[] {
  const problems: HealthFinding[] = [];
  for (const name of ['home', 'models', 'envs', 'cache', 'runs', 'config', 'state'] as const) {
    const path = places[name];
    const at = nearestFolder(path);
    const text = !writable(at)
      ? `${at} cannot be written to`
      : existsSync(path) && isForeign(lstatSync(path))
        ? `${path} belongs to another user`
        : undefined;
    if (text !== undefined && !problems.some((other) => other.text === text))
      problems.push(
        bad(`folder-${name}`, 'Folders', text, 'Use a folder of yours: export VISIONTRAIN_HOME=/path/to/it'),
      );
  }
  const mount = noexecMount(nearestFolder(places.envs));
  if (mount !== undefined)
    problems.push(
      bad(
        'folder-noexec',
        'Folders',
        `${shellWord(mount)} is mounted noexec: Python cannot be run from ${places.envs}`,
        'export VISIONTRAIN_HOME=/path/on/another/disk',
      ),
    );
  return problems.length > 0 ? problems : [good('folders', 'Folders', `${places.home} and its parts are yours`)];
}

function writable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Checks shared memory, through which loader workers pass images; containers get 64 MB by default. */
function sharedMemory(): HealthFinding[] {
  try {
    const { blocks, bavail, bsize } = statfsSync('/dev/shm');
    const [size, free] = [blocks * bsize, bavail * bsize];
    const text = `${formatBytes(free)} of ${formatBytes(size)} are free in /dev/shm`;
    if (free >= 512e6) return [good('shm', 'Shared memory', text)];
    const cure = size < 1e9 ? 'In a container: docker run --shm-size=8g …' : 'ls -l /dev/shm   shows what fills it';
    return [warn('shm', 'Shared memory', `${text}: loader workers need more`, cure, 'or: --set resources.workers=0')];
  } catch {
    return [];
  }
}
