/**
 * Checks that only this person can change a run folder: processes write files with fixed names there, with this
 * person's rights.
 */
import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { EnvironmentError } from '../../base/errors.ts';
import { type OwnerOnDisk, ownerOnDisk } from '../../base/files/owner-on-disk.ts';
import { ForeignFileError, strangeKind, unwritableKind } from '../../base/files/regular-file.ts';
import { shellWord } from '../../base/typed-path.ts';
import { RUN_FILES } from '../run-folder/layout.ts';

const FOLDERS: ReadonlySet<string> = new Set([
  RUN_FILES.attempts,
  RUN_FILES.control,
  RUN_FILES.checkpoints,
  RUN_FILES.samples,
  RUN_FILES.output,
  RUN_FILES.tensorboard,
  RUN_FILES.judgeSamples,
]);
const ANY_LOG = /^trainer\.\d+\.log$/;

/**
 * Refuses a folder that others could have prepared, or could change.
 * @throws EnvironmentError, ForeignFileError that name what is wrong and what to type
 */
export function refuseForeignFolder(dir: string): void {
  const real = realpathSync(dir);
  refuseStrangeFiles(real);
  if (firstReason(real, ME) === undefined) return;
  const me = onThatDisk(real);
  const problem = firstReason(real, me.uid === 0 ? asOwner(me, dirname(real)) : me);
  if (problem === undefined) return;
  throw notOurs(real, problem);
}

/** The error for the run in `dir`, which others could change. */
export const notOurs = (dir: string, { folder, what, cure }: Reason): EnvironmentError =>
  new EnvironmentError(`${basename(dir)} is not started: ${folder} ${what}.`, {
    id: 'run/not-ours',
    details: ['They could make this run write over your files, or steer it.'],
    nextSteps: [
      cure,
      `Or keep the runs in a folder of your own: add --workspace ${shellWord(join(dirname(dir), 'mine'))}`,
    ],
  });

function refuseStrangeFiles(dir: string): void {
  for (const name of readdirSync(dir)) {
    if (!NAMES.has(name) && !ANY_LOG.test(name)) continue;
    const path = join(dir, name);
    const stats = lstatSync(path);
    const isFolder = stats.isDirectory();
    const folder = FOLDERS.has(name);
    const problem =
      isFolder === folder ? (folder ? undefined : unwritableKind(stats)) : (strangeKind(stats) ?? 'is a file');
    if (problem !== undefined) throw new ForeignFileError(path, problem);
  }
}

const NAMES: ReadonlySet<string> = new Set(Object.values(RUN_FILES));

interface Person extends OwnerOnDisk {
  /** The group of which only this person is a member, on systems that give each user such a group. */
  readonly ownGroup: number | undefined;
}

const uid = process.getuid?.() ?? 0;
const ME: Person = { uid, ownGroup: process.getgid?.() === uid ? uid : undefined, modes: true };

/**
 * The person to check against. Root works in the folders of other users, as in a container; there the folder's owner
 * is the one who must be alone.
 */
function asOwner(me: Person, dir: string): Person {
  const owner = statSync(dir).uid;
  return { ...me, uid: owner, ownGroup: owner };
}

interface Reason {
  readonly folder: string;
  readonly what: string;
  readonly cure: string;
}

/** Checks the folder itself, its contents, and the folder above it, out of which it could be moved. */
function firstReason(dir: string, me: Person): Reason | undefined {
  const inside = [...FOLDERS].map((name) => join(dir, name));
  for (const folder of [dir, ...inside, dirname(dir)]) {
    const found = reason(folder, me, folder === dirname(dir));
    if (found !== undefined && !unreachable(folder)) return found;
  }
  return undefined;
}

/**
 * Why others could change files in a folder, or, with `parent`, could move a folder out of it; undefined when they
 * cannot.
 */
function reason(folder: string, me: Person, parent: boolean): Reason | undefined {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (stats.uid !== me.uid && (stats.uid !== 0 || (!parent && uid !== 0)))
    return { folder, what: 'belongs to another user', cure: `If it is yours: sudo chown -R ${uid} '${folder}'` };
  // In a sticky folder such as /tmp nobody can move another user's folder away.
  const sticky = parent && (stats.mode & 0o1000) !== 0;
  const byGroup = (stats.mode & 0o020) !== 0 && stats.gid !== me.ownGroup;
  const byOthers = (stats.mode & 0o002) !== 0;
  if (!me.modes || sticky || (!byGroup && !byOthers)) return undefined;
  return { folder, what: 'can be written to by other users', cure: `chmod go-w '${folder}'` };
}

/** Whether a folder above it, which belongs to this person or the system, keeps everybody else out. */
function unreachable(dir: string): boolean {
  for (let folder = dir; ; folder = dirname(folder)) {
    const { mode, uid: owner } = statSync(folder);
    if ((owner === uid || owner === 0) && (mode & 0o011) === 0) return true;
    if (folder === dirname(folder)) return false;
  }
}

function onThatDisk(dir: string): Person {
  return { ...ME, ...ownerOnDisk(dir) };
}
