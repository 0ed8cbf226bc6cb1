/**
 * Finds the same bytes elsewhere on this machine: in the Hugging Face cache, in model folders of ComfyUI and
 * A1111/Forge, in folders the person names, and among our models. A file is found by size and SHA-256, never by name;
 * it is hard-linked, else copied.
 */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { checkRoom, linkOrCopy, sizeOf } from '../../base/files/disk.ts';
import { makeFolder } from '../../base/files/folder.ts';
import { isDenied } from '../../base/files/fs-errors.ts';
import { type FileStamp, isSameStamp, sha256OfFile, stampOf } from '../../base/files/hash.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { homeFolder } from '../../base/home.ts';
import type { Places } from '../../base/paths.ts';
import { formatBytes } from '../../base/text.ts';
import { hubCacheDir } from '../../download/http/settings.ts';
import type { Reuse, WantedFile } from '../../download/wanted.ts';

/** Least bytes of a file that is searched for: smaller files come faster over the network. */
const WORTH_SEARCHING = 16 << 20;
const DEEPEST = 4;

export function createReuse(places: Places, env: NodeJS.ProcessEnv): Reuse {
  return async (wanted, report, signal) => {
    for (const path of candidates(wanted, places, env)) {
      const size = sizeOf(path);
      if (size === undefined || (wanted.bytes !== undefined && size !== wanted.bytes)) continue;
      report.stage('reusing', 0, size);
      report.note(`looking at ${path} (${formatBytes(size)})`);
      try {
        const hash = await knownHash(path, places, (n) => report.bytes(n, n), signal);
        if (hash !== wanted.sha256) continue;
        makeFolder(dirname(wanted.path));
        const source = realpathSync(path);
        if (statSync(source).dev !== statSync(dirname(wanted.path)).dev)
          checkRoom(dirname(wanted.path), size, wanted.name);
        await linkOrCopy(source, wanted.path);
        report.note(`took it from ${path}`);
        return path;
      } catch (error) {
        // An unreadable file is no candidate. A full disk or a stop is not the candidate's fault, so those errors pass.
        const { code = '' } = error as NodeJS.ErrnoException;
        if (!isDenied(error) && !['ENOENT', 'EIO', 'EISDIR'].includes(code)) throw error;
      }
    }
    return undefined;
  };
}

/** Files that may have the wanted bytes: blobs of that hash, and files of that size in the usual folders of models. */
export function candidates(wanted: WantedFile, places: Places, env: NodeJS.ProcessEnv): string[] {
  const hub = hubCacheDir(env);
  const blobs = (hub === undefined ? [] : listFolder(hub))
    .filter((name) => name.startsWith('models--'))
    .map((name) => join(hub as string, name, 'blobs', wanted.sha256))
    .filter((path) => existsSync(path));
  if (wanted.bytes === undefined || wanted.bytes < WORTH_SEARCHING) return blobs;
  const here = resolve(wanted.path);
  const found = modelFolders(places, env).flatMap((folder) => filesOfSize(folder, wanted.bytes ?? 0, DEEPEST));
  return [...new Set([...blobs, ...found])].filter((path) => resolve(path) !== here);
}

/** Folders where checkpoints usually lie. VISIONTRAIN_MODEL_DIRS (separated like PATH) comes first. */
export function modelFolders(places: Places, env: NodeJS.ProcessEnv): string[] {
  const home = homeFolder(env);
  const named = (env.VISIONTRAIN_MODEL_DIRS ?? '').split(':').filter((folder) => folder !== '');
  const roots = [...(home === undefined ? [] : [home]), '/workspace', '/opt', '/data'];
  const usual = roots.flatMap((root) => [
    ...['ComfyUI', 'comfyui', 'comfy/ComfyUI'].map((app) => join(root, app, 'models')),
    ...['stable-diffusion-webui', 'stable-diffusion-webui-forge', 'forge', 'automatic1111'].map((app) =>
      join(root, app, 'models'),
    ),
  ]);
  return [...named, places.models, ...usual].filter((folder) => existsSync(folder));
}

function filesOfSize(folder: string, bytes: number, depth: number): string[] {
  const files: string[] = [];
  for (const entry of listEntries(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && depth > 0) files.push(...filesOfSize(path, bytes, depth - 1));
    else if (/\.(safetensors|onnx|bin)$/.test(entry.name) && sizeOf(path) === bytes) files.push(path);
  }
  return files;
}

function listEntries(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function listFolder(folder: string): string[] {
  return listEntries(folder).map((entry) => entry.name);
}

interface HashRecord extends FileStamp {
  readonly sha256: string;
}

/** SHA-256 of a file, remembered as long as its size and times stay the same. */
export async function knownHash(
  path: string,
  places: Places,
  onBytes: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<string> {
  const stamp = stampOf(statSync(path));
  const store = join(places.cache, 'hashes.json');
  const known = readHashes(store)[resolve(path)];
  if (known !== undefined && isSameStamp(known, stamp)) return known.sha256;
  const sha256 = await sha256OfFile(path, onBytes, signal);
  makePrivateFolder(places.cache);
  writeFileAtomic(store, JSON.stringify({ ...readHashes(store), [resolve(path)]: { ...stamp, sha256 } }));
  return sha256;
}

function readHashes(store: string): Record<string, HashRecord | undefined> {
  try {
    return JSON.parse(readFileSync(store, 'utf8')) as Record<string, HashRecord>;
  } catch {
    return {};
  }
}
