/**
 * Stores files that were sent to this machine by content: a file is sent once, whatever its name and use. A run.yaml
 * names folders of links to these files. It runs on the box, as the counterpart of `send.ts`.
 */
import { existsSync, statSync } from 'node:fs';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { freeBytes, linkOrCopy } from '../../base/files/disk.ts';
import { makeFolder } from '../../base/files/folder.ts';
import { sha256OfFile, sha256OfText } from '../../base/files/hash.ts';
import { statOf } from '../../base/files/stat.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
export const contentSchema = z.object({ sha256, bytes: z.number().int().min(0) });
/** A file identified by its content. */
export type Content = z.output<typeof contentSchema>;

/** A relative path that stays inside its folder. */
const inside = z
  .string()
  .max(4096)
  .regex(/^[^/\0]+(?:\/[^/\0]+)*$/)
  .refine((path) => path.split('/').every((part) => part !== '.' && part !== '..'), 'leads out of its folder');

export const treeSchema = z.object({
  /** Name of the folder (or of the only file) on the other machine. */
  name: inside.refine((name) => !name.includes('/')),
  /** Whether it is a single file, whose path is then the name. */
  single: z.boolean(),
  files: z.array(z.object({ path: inside, sha256 })),
});
export type Tree = z.output<typeof treeSchema>;

const storeOf = (sent: string, hash: string): string => join(sent, 'store', hash.slice(0, 2), hash);
/** Folder that rsync writes into; its files may be incomplete. */
export const incomingOf = (sent: string): string => join(sent, 'incoming');

/** The files that are not here yet, and the free space for them. */
export function missingHere(sent: string, wanted: readonly Content[]) {
  makeFolder(incomingOf(sent), 0o700);
  const missing = wanted.filter(({ sha256: hash, bytes }) => statOf(storeOf(sent, hash))?.size !== bytes);
  return { missing: missing.map((one) => one.sha256), incoming: incomingOf(sent), free: freeBytes(sent) };
}

/**
 * Moves files that arrived into the store if their hashes are right, and removes the others. Returns the removed ones.
 */
export async function takeIn(sent: string, arrived: readonly Content[]): Promise<{ readonly bad: readonly string[] }> {
  const bad: string[] = [];
  for (const { sha256: hash, bytes } of arrived) {
    const at = join(incomingOf(sent), hash);
    const kept = storeOf(sent, hash);
    if (statOf(kept)?.size === bytes) continue;
    if (!existsSync(at) || statSync(at).size !== bytes || (await sha256OfFile(at)) !== hash) {
      await rm(at, { force: true });
      bad.push(hash);
      continue;
    }
    await mkdir(dirname(kept), { recursive: true, mode: 0o700 });
    await chmod(at, 0o400);
    await rename(at, kept);
  }
  return { bad };
}

/**
 * Makes a folder of links to stored files, once for the same content, and returns the path of the folder or of its
 * single file.
 */
export async function plantTree(sent: string, { name, single, files }: Tree): Promise<string> {
  const id = sha256OfText(JSON.stringify([name, single, files.map(({ path, sha256: hash }) => [path, hash])]));
  const folder = join(sent, 'trees', id.slice(0, 24));
  const whole = join(folder, name);
  if (existsSync(folder)) return whole;
  const half = `${folder}.${process.pid}.part`;
  await rm(half, { recursive: true, force: true });
  for (const { path, sha256: hash } of files) {
    const to = join(half, single ? path : `${name}/${path}`);
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await linkOrCopy(storeOf(sent, hash), to);
  }
  await mkdir(single ? half : join(half, name), { recursive: true, mode: 0o700 });
  try {
    await rename(half, folder);
  } catch (error) {
    // Another command made the same folder meanwhile.
    await rm(half, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return whole;
}
