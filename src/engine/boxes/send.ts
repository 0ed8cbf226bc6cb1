/** Sends the files that a run needs to a box. A file that is already there, under any name, is not sent again. */
import { mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import pMap from 'p-map';
import { z } from 'zod';
import { sha256OfFile } from '../../base/files/hash.ts';
import { formatBytes, plural } from '../../base/text.ts';
import { askFar, type BoxAccess } from './far.ts';
import { BoxError } from './faults.ts';
import { copyFiles } from './rsync.ts';
import type { Content, Tree } from './store.ts';
import { type PathToSend, travelName } from './travel.ts';

interface LocalFile extends Content {
  readonly path: string;
}

const AT_ONCE = 4;
const missingAnswer = z.object({
  missing: z.array(z.string()),
  incoming: z.string().startsWith('/'),
  free: z.number(),
});
const badAnswer = z.object({ bad: z.array(z.string()) });
const placedAnswer = z.object({ paths: z.array(z.string().startsWith('/')) });

export interface SendProgress {
  readonly say: (text: string) => void;
  readonly onShare?: (share: number) => void;
}

/**
 * Sends files and folders, and returns where each is on the box.
 * @throws BoxError
 */
export async function sendAll(
  far: BoxAccess,
  travellers: readonly PathToSend[],
  sending: SendProgress,
): Promise<ReadonlyMap<string, string>> {
  const hashed = await pMap(
    travellers.flatMap(({ files }) => files),
    async (path): Promise<LocalFile> => ({ path, sha256: await sha256OfFile(path), bytes: statSync(path).size }),
    { concurrency: AT_ONCE },
  );
  const byPath = new Map(hashed.map((file) => [file.path, file]));
  await sendContents(far, hashed, sending);
  const trees = travellers.map(({ path, files }): Tree => {
    const single = files.length === 1 && files[0] === path;
    const placed = files.map((file) => ({
      path: single ? travelName(path) : relative(path, file),
      sha256: byPath.get(file)?.sha256 ?? '',
    }));
    return { name: travelName(path), single, files: placed };
  });
  const { paths } = await askFar(far, { do: 'plant', trees }, placedAnswer);
  return new Map(travellers.map(({ path }, i) => [path, paths[i] ?? path]));
}

async function sendContents(
  far: BoxAccess,
  files: readonly LocalFile[],
  { say, onShare }: SendProgress,
): Promise<void> {
  const { box } = far.line;
  const contents = [...new Map(files.map((file) => [file.sha256, file])).values()];
  let wanted: readonly LocalFile[] = contents;
  // A file that changed while it was hashed or sent does not match its hash, and is sent once more.
  for (let tried = 0; tried < 2 && wanted.length > 0; tried += 1) {
    const bare = wanted.map(({ sha256, bytes }) => ({ sha256, bytes }));
    const { missing, incoming, free } = await askFar(far, { do: 'missing', files: bare }, missingAnswer);
    const lacking = wanted.filter(({ sha256 }) => missing.includes(sha256));
    const bytes = lacking.reduce((sum, file) => sum + file.bytes, 0);
    if (tried === 0) say(tellSizes(contents, lacking, box.name));
    if (bytes > free)
      throw new BoxError(`${box.name} has no room for what is to be sent.`, {
        id: 'box/no-room',
        details: [`${formatBytes(bytes)} are to be sent, and ${formatBytes(free)} are free in ${far.sent}.`],
        nextSteps: ['Free room there, or name a folder on a larger disk with --home:  visiontrain hosts add --help'],
      });
    await sendByHash(far, lacking, incoming, onShare);
    const arrived = lacking.map(({ sha256, bytes: size }) => ({ sha256, bytes: size }));
    const { bad } = await askFar(far, { do: 'take', files: arrived }, badAnswer);
    wanted = lacking.filter(({ sha256 }) => bad.includes(sha256));
  }
  const [first] = wanted;
  if (first === undefined) return;
  throw new BoxError(`${first.path} did not arrive as it is.`, {
    id: 'box/damaged',
    details: [`Its SHA-256 on ${box.name} is another. Does something write to it?`],
    nextSteps: ['Type the same command again once nothing does.'],
  });
}

function tellSizes(all: readonly LocalFile[], lacking: readonly LocalFile[], name: string): string {
  const sum = (files: readonly LocalFile[]) => formatBytes(files.reduce((total, { bytes }) => total + bytes, 0));
  if (lacking.length === 0) return `All ${plural(all.length, 'file')} (${sum(all)}) are on ${name} already.`;
  const rest = all.length - lacking.length;
  const known = rest === 0 ? '' : `; ${rest} are there already`;
  return `Sending ${plural(lacking.length, 'file')} (${sum(lacking)}) to ${name}${known} …`;
}

/** Copies files under their hashes as names, by way of a folder of links to them. */
async function sendByHash(
  { line }: BoxAccess,
  files: readonly LocalFile[],
  incoming: string,
  onShare: ((share: number) => void) | undefined,
): Promise<void> {
  const staging = mkdtempSync(join(tmpdir(), 'visiontrain-send-'));
  try {
    for (const { path, sha256 } of files) symlinkSync(path, join(staging, sha256));
    await copyFiles(line, {
      files: files.map(({ sha256 }) => sha256),
      from: staging,
      to: incoming,
      out: true,
      onShare,
    });
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}
