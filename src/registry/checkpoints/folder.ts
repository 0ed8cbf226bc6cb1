/**
 * Checks the files of a model's folder before a run starts. Files in the hub's cache are links into another folder,
 * which may be gone. Everything that a loader will read has to be there, including an index's shards and the
 * tokenizer.
 */
import { existsSync, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { readGiven } from '../../base/files/regular-file.ts';
import { statOf } from '../../base/files/stat.ts';

/** Most bytes of an index of shards; it names every tensor. */
const MOST = 64 << 20;

const PARTS = ['unet', 'vae', 'text_encoder', 'text_encoder_2', 'tokenizer', 'tokenizer_2', 'scheduler'];

/**
 * Makes sure that every file of a diffusers folder that will be opened is a regular file, and no dangling link.
 * @throws {UsageError} that names the file
 */
export function checkFiles(path: string): void {
  checkFile(join(path, 'model_index.json'), path);
  for (const part of PARTS)
    for (const name of namesIn(join(path, part)))
      if (/\.(safetensors|json|txt)$/.test(name)) checkFile(join(path, part, name), path);
}

/**
 * Makes sure that all files that the loader reads are there: configurations, weights (under their names, or every
 * shard of their index) and tokenizers. `parts` are the parts that come from this folder.
 * @throws {UsageError} that names what is missing
 */
export function checkWhole(path: string, parts: readonly string[]): void {
  for (const part of parts) {
    need(path, join(part, 'config.json'));
    checkWeights(path, part, part.startsWith('text_encoder') ? 'model' : 'diffusion_pytorch_model');
    if (part.startsWith('text_encoder')) checkTokenizer(path, part.replace('text_encoder', 'tokenizer'));
  }
}

function checkWeights(path: string, part: string, stem: string): void {
  const indices = [`${stem}.safetensors.index.json`, `${stem}.safetensors.index.fp16.json`];
  const index = indices.find((name) => existsSync(join(path, part, name)));
  if (index !== undefined) {
    for (const shard of shardsOf(join(path, part, index))) need(path, join(part, shard), `; ${index} names it`);
    return;
  }
  const names = [`${stem}.safetensors`, `${stem}.fp16.safetensors`];
  if (names.some((name) => existsSync(join(path, part, name)))) return;
  throw incomplete(path, `${join(path, part)} has no ${names[0]}`);
}

function shardsOf(index: string): string[] {
  let names: unknown[];
  try {
    const map: unknown = JSON.parse(readGiven(index, MOST).toString('utf8')).weight_map;
    names = [...new Set(Object.values(map as object))];
  } catch (error) {
    throw new UsageError(`${index} is not a list of the weights' files.`, {
      id: 'model/incomplete',
      nextSteps: ['Download the model again.'],
      cause: error,
    });
  }
  return names.map((name) => {
    if (typeof name === 'string' && name !== '' && basename(name) === name) return name;
    throw new UsageError(`${index} names a file that is not beside it.`, { id: 'model/incomplete' });
  });
}

function checkTokenizer(path: string, folder: string): void {
  if (existsSync(join(path, folder, 'tokenizer.json'))) return;
  for (const name of ['vocab.json', 'merges.txt']) need(path, join(folder, name));
}

function need(path: string, inner: string, why = ''): void {
  if (existsSync(join(path, inner))) return;
  throw incomplete(path, `${join(path, inner)} is missing${why}`);
}

function checkFile(file: string, model: string): void {
  const gone = lostLink(file);
  if (gone !== undefined) throw incomplete(model, gone);
  const found = statOf(file);
  if (found !== undefined && !found.isFile())
    throw new UsageError(`${file} is not a regular file.`, { id: 'model/unreadable' });
}

/** What is wrong with a dangling link; undefined when the path is no such link. */
export function lostLink(path: string): string | undefined {
  try {
    if (!lstatSync(path).isSymbolicLink() || existsSync(path)) return undefined;
    return `${path} is a link, and what it leads to is gone or out of reach: ${resolve(dirname(path), readlinkSync(path))}`;
  } catch {
    return undefined;
  }
}

function incomplete(model: string, what: string): UsageError {
  const repo = cachedRepo(model);
  return new UsageError(`${what}.`, {
    id: 'model/incomplete',
    nextSteps:
      repo === undefined
        ? ['The model is not complete: download it again.']
        : [
            `This is a copy of ${repo} in the hub's cache, which was cleaned, or copied without its blobs. Fetch it again:`,
            `  visiontrain models add ${repo}`,
          ],
  });
}

/** `owner/name` of the repository that a folder in a hub's cache belongs to. */
function cachedRepo(path: string): string | undefined {
  const outer = path.split(sep).find((name) => /^models--[^/]+--/.test(name));
  return outer?.slice('models--'.length).replace('--', '/');
}

/** The model inside a folder that is no model itself: the snapshot of a hub's cache, a sub-folder, or a file. */
export function modelInside(path: string): string {
  const inside = snapshotIn(path) ?? subfolderIn(path) ?? fileIn(path);
  return inside === undefined ? 'Name a .safetensors file or a diffusers folder.' : `Did you mean ${inside}?`;
}

function snapshotIn(path: string): string | undefined {
  const snapshots = basename(path) === 'snapshots' ? path : join(path, 'snapshots');
  const names = namesIn(snapshots);
  const main = join(dirname(snapshots), 'refs', 'main');
  const current = statOf(main)?.isFile() === true ? readGiven(main, 4096).toString('utf8').trim() : '';
  const name = names.includes(current) ? current : names.at(-1);
  return name === undefined ? undefined : join(snapshots, name);
}

const subfolderIn = (path: string): string | undefined =>
  namesIn(path)
    .map((name) => join(path, name))
    .find((folder) => existsSync(join(folder, 'model_index.json')));

const fileIn = (path: string): string | undefined =>
  namesIn(path)
    .filter((name) => name.endsWith('.safetensors'))
    .map((name) => join(path, name))[0];

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** The message for a `model.base` that is neither in the registry nor on this disk. */
export function missingModel(base: string, path: string): string {
  const lost = lostLink(path);
  if (lost !== undefined) return lost;
  const message = `no such file or folder: ${path}`;
  return /^[\w.-]+\/[\w.-]+$/.test(base) && !/^\.|\.(safetensors|ckpt)$/.test(base)
    ? `${message}. A repository of the hub is fetched with: visiontrain models add ${base}`
    : message;
}
