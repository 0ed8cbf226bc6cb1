/** Copies a run home from a box: each file is compared with its SHA-256 on the box before it gets its name here. */
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { checkRoom } from '../../base/files/disk.ts';
import { makeFolder } from '../../base/files/folder.ts';
import { sha256OfFile } from '../../base/files/hash.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { statOf } from '../../base/files/stat.ts';
import { formatBytes, plural } from '../../base/text.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { touchRuns } from '../runs/ended.ts';
import { runCondition } from '../runs/summary.ts';
import { askFar, type BoxAccess } from './far.ts';
import { BoxError } from './faults.ts';
import { type Manifest, manifestSchema } from './manifest.ts';
import { copyFiles } from './rsync.ts';

/** File in a run folder that came from a box. It names the box and the run there. */
const ORIGIN = 'fetched.json';
const originSchema = z.object({ box: z.string(), run: z.string(), begun: z.number() });

export interface BroughtRun {
  readonly name: string;
  readonly dir: string;
  /** Number of files that were copied now, and of all files that are here. */
  readonly files: number;
  readonly all: number;
  readonly bytes: number;
  /** Whether the run is still live on the box, so that only samples and LoRA files are here. */
  readonly live: boolean;
  readonly state: string;
}

export interface BringRunInput {
  readonly run: string;
  /** Folder of the runs here. */
  readonly runs: string;
  readonly checkpoints: boolean;
  readonly say: (text: string) => void;
  readonly onShare?: (share: number) => void;
}

type ManifestFile = Manifest['files'][number];

/**
 * Copies the run.
 * @throws BoxError when it cannot be copied whole; files that arrived are kept for the next time
 */
export async function bringRun(far: BoxAccess, bringing: BringRunInput): Promise<BroughtRun> {
  const { run, runs, checkpoints, say } = bringing;
  const manifest = await askFar(far, { do: 'manifest', run, checkpoints }, manifestSchema);
  const { name, dir } = placeFor(manifest, far.line.box.name, runs);
  const lacking: ManifestFile[] = [];
  for (const file of manifest.files) if (!(await isSame(join(dir, file.path), file))) lacking.push(file);
  const bytes = lacking.reduce((sum, file) => sum + file.bytes, 0);
  makePrivateFolder(runs);
  checkRoom(runs, bytes, `the files of ${name}`);
  if (lacking.length > 0) say(`Fetching ${plural(lacking.length, 'file')} (${formatBytes(bytes)}) of ${name} …`);
  const staging = join(runs, '.fetching', `${far.line.box.name}-${manifest.name}`);
  await fetchInto(far, { manifest, lacking, staging }, bringing.onShare);
  if (!existsSync(join(dir, ORIGIN))) {
    makeFolder(dir, 0o700);
    const origin = { box: far.line.box.name, run: manifest.name, begun: manifest.begun };
    writeFileAtomic(join(dir, ORIGIN), `${JSON.stringify(origin)}\n`, 0o600);
  }
  // A folder is a run once it has a plan, so the plan is copied last.
  const isPlan = ({ path }: ManifestFile) => (path === RUN_FILES.plan ? 1 : 0);
  for (const { path } of lacking.toSorted((a, b) => isPlan(a) - isPlan(b))) {
    makeFolder(dirname(join(dir, path)), 0o700);
    renameSync(join(staging, path), join(dir, path));
  }
  rmSync(staging, { recursive: true, force: true });
  touchRuns(runs);
  compareOutputs(dir, manifest, far);
  const { live, state } = manifest;
  return { name, dir, files: lacking.length, all: manifest.files.length, bytes, live, state };
}

/**
 * The folder for the run here: the one from the last time, else a new one with its name.
 * @throws UsageError
 */
function placeFor(
  { name, begun }: Manifest,
  box: string,
  runs: string,
): { readonly name: string; readonly dir: string } {
  for (const wanted of [name, `${name}-${box}`, ...Array.from({ length: 98 }, (_, i) => `${name}-${box}-${i + 2}`)]) {
    const dir = join(runs, wanted);
    if (!existsSync(dir)) return { name: wanted, dir };
    const origin = originOf(dir);
    const isIt =
      origin?.box === box && origin.run === name && (origin.begun === begun || !existsSync(join(dir, RUN_FILES.exit)));
    if (isIt && runCondition(dir).state !== 'live') return { name: wanted, dir };
  }
  throw new UsageError(`There are a hundred runs ${name} here already.`, {
    id: 'box/taken',
    nextSteps: ['Move some of them away, or fetch into another folder with --workspace.'],
  });
}

/** The origin of a run folder; undefined for a run that was trained here. */
export function originOf(dir: string): z.output<typeof originSchema> | undefined {
  try {
    return originSchema.parse(JSON.parse(readFileSync(join(dir, ORIGIN), 'utf8')));
  } catch {
    return undefined;
  }
}

async function isSame(path: string, { bytes, sha256 }: ManifestFile): Promise<boolean> {
  const found = statOf(path);
  return found?.isFile() === true && found.size === bytes && (await sha256OfFile(path)) === sha256;
}

interface Fetching {
  readonly manifest: Manifest;
  readonly lacking: readonly ManifestFile[];
  readonly staging: string;
}

/**
 * Copies files into a folder.
 * @throws BoxError when a file is not what the box announced
 */
async function fetchInto(
  far: BoxAccess,
  { manifest, lacking, staging }: Fetching,
  onShare: ((share: number) => void) | undefined,
): Promise<void> {
  let wanted = lacking;
  for (let tried = 0; tried < 2 && wanted.length > 0; tried += 1) {
    makePrivateFolder(staging);
    await copyFiles(far.line, {
      files: wanted.map(({ path }) => path),
      from: manifest.dir,
      to: staging,
      out: false,
      onShare,
    });
    const bad: ManifestFile[] = [];
    for (const file of wanted) {
      if (await isSame(join(staging, file.path), file)) continue;
      rmSync(join(staging, file.path), { force: true });
      bad.push(file);
    }
    wanted = bad;
  }
  const [first] = wanted;
  if (first !== undefined)
    throw new BoxError(`${first.path} of ${manifest.name} did not come home as it is.`, {
      id: 'box/damaged',
      details: [`Its SHA-256 here is not that on ${far.line.box.name}, twice.`],
      nextSteps: [`visiontrain fetch ${far.line.box.name}:${manifest.name}   tries it once more`],
    });
}

/**
 * Compares the LoRA files with the hashes that the run recorded when it made them.
 * @throws BoxError
 */
function compareOutputs(dir: string, { files, name, live }: Manifest, { line: { box } }: BoxAccess): void {
  if (live) return;
  const exit = z
    .object({ outputs: z.array(z.object({ path: z.string(), sha256: z.string() })) })
    .safeParse(readJson(join(dir, RUN_FILES.exit)));
  if (!exit.success) return;
  for (const { path, sha256 } of exit.data.outputs) {
    const found = files.find((file) => file.path === path);
    if (found === undefined || found.sha256 === sha256) continue;
    throw new BoxError(`${path} of ${name} is not what the training wrote.`, {
      id: 'box/damaged',
      details: [
        `It was changed on ${box.name}, or its disk is at fault: expected ${sha256.slice(0, 12)}…, found ${found.sha256.slice(0, 12)}…`,
      ],
      nextSteps: [`visiontrain export ${box.name}:${name}   writes it anew from the last checkpoint`],
    });
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
