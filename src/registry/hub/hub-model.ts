/** A model in a repository of Hugging Face's hub: its files, each with its hash at a pinned revision. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { decodePercent } from '../../base/text.ts';
import { readJson, readStart } from '../../download/http/ask.ts';
import { Fault } from '../../download/http/fault.ts';
import type { Source } from '../../download/http/source.ts';
import { type Address, hubPage } from '../../download/http/sources.ts';
import type { ModelFile } from '../catalogue/schema.ts';
import { type Listed, readListing } from './hub-listing.ts';
import { addressOf, type RemoteInput, type RemoteModel, weights, withoutEnding } from './remote-model.ts';

interface OnHub {
  readonly repo: string;
  /** File in the repository; empty when the repository's only checkpoint is meant. */
  readonly inner: string;
  readonly revision: string;
}

/**
 * Reads `owner/name` or `owner/name/FILE`.
 * @throws UsageError when the text is neither
 */
export function hubId(what: string): OnHub {
  const [, repo, inner = ''] = /^([\w.-]+\/[\w.-]+)(?:\/(.+))?$/.exec(what) ?? [];
  if (repo === undefined)
    throw new UsageError(`${what} is no file, no address and no hub id (owner/name).`, {
      id: 'model/address',
      nextSteps: ['visiontrain models add FILE.safetensors', 'visiontrain models add owner/name'],
    });
  return { repo, inner, revision: 'main' };
}

/** Reads a link to a repository, to a revision of it or to a file in it; undefined when the address is none. */
export function hubLink(url: string, hub: string): OnHub | undefined {
  const { origin, pathname } = new URL(url);
  if (origin !== new URL(hub).origin && origin !== 'https://huggingface.co') return undefined;
  const link = /^\/([\w.-]+\/[\w.-]+)(?:\/(?:tree\/([^/]+)|(?:resolve|blob)\/([^/]+)\/(.+)))?\/?$/;
  const [, repo, tree, revision = tree ?? 'main', inner = ''] = link.exec(pathname) ?? [];
  return repo === undefined ? undefined : { repo, inner: decodePercent(inner), revision: decodePercent(revision) };
}

export async function findOnHub({ repo, inner, revision }: OnHub, input: RemoteInput): Promise<RemoteModel> {
  const page = hubPage(input.settings, repo);
  const { api, commit, files } = await listRepository({ repo, revision }, input);
  const source = (path: string): Source => ({
    kind: 'hub',
    repo,
    path,
    ...(commit === undefined ? {} : { revision: commit }),
  });
  const checkpoints = files.filter(({ path }) => (inner === '' ? /^[^/]+\.safetensors$/.test(path) : path === inner));
  const [one] = checkpoints;
  if (one !== undefined && checkpoints.length === 1) {
    if (one.sha256 === undefined) throw new UsageError(`The hub tells no SHA-256 of ${one.path}.`, { id: 'model/hub' });
    return {
      title: `${repo} ${withoutEnding(basename(one.path))}`,
      page,
      layout: 'single_file',
      files: [weights(basename(one.path), one.sha256, one.bytes, { source: source(one.path), host: api.label })],
    };
  }
  if (checkpoints.length > 1)
    throw new UsageError(`${repo} has several checkpoints.`, {
      id: 'model/hub',
      details: checkpoints.map(({ path }) => path),
      nextSteps: [`Say which: visiontrain models add ${repo}/${one?.path}`],
    });
  if (inner !== '' || !files.some(({ path }) => path === 'model_index.json'))
    throw new UsageError(
      inner === ''
        ? `${repo} on the hub holds no .safetensors checkpoint and no diffusers model.`
        : `${repo} on the hub has no file ${inner}.`,
      { id: 'model/hub' },
    );
  return {
    title: repo,
    page,
    layout: 'diffusers',
    files: await diffusersFiles(files, source, { ...input, host: api.label }),
  };
}

/**
 * The files of a repository of the hub at a revision, and the address that listed them. The name of a data set begins
 * with `datasets/`, as in its address.
 */
export async function listRepository(
  { repo, revision }: Pick<OnHub, 'repo' | 'revision'>,
  { settings, client, signal }: Pick<RemoteInput, 'settings' | 'client' | 'signal'>,
) {
  const kind = repo.startsWith('datasets/') ? '' : 'models/';
  const url = `${settings.hub}/api/${kind}${repo}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const page = hubPage(settings, repo);
  const api: Address = { url, label: new URL(url).host, token: settings.hubToken, page, kind: 'hub' };
  return { api, ...readListing(await readJson(client, api, signal), api.label) };
}

/** Largest numbers of files and bytes of a model. Each small file costs a request, and is read whole. */
const MOST_FILES = 200;
const MOST_SMALL = 16 << 20;
const MOST_SMALL_TOGETHER = 64 << 20;

/** The files of a diffusers repository that training needs, without variants and copies for other programs. */
async function diffusersFiles(
  files: readonly Listed[],
  source: (path: string) => Source,
  input: RemoteInput & { readonly host: string },
): Promise<ModelFile[]> {
  const parts = /^(unet|vae|text_encoder|text_encoder_2|tokenizer|tokenizer_2|scheduler)\/[^/]+$/;
  const needed = files.filter(({ path }) => {
    if (path === 'model_index.json') return true;
    return parts.test(path) && /\.(safetensors|json|txt)$/.test(path) && !/\.(fp16|non_ema|fp32)\./.test(path);
  });
  return pinnedFiles(needed, source, input);
}

/**
 * The listed files with the hash of each.
 * @throws {Fault} when there are too many, or one is too large to be read
 */
export async function pinnedFiles(
  needed: readonly Listed[],
  source: (path: string) => Source,
  input: RemoteInput & { readonly host: string },
): Promise<ModelFile[]> {
  if (needed.length > MOST_FILES)
    throw new Fault('page', `${input.host} lists ${needed.length} files for this model; none has over ${MOST_FILES}`);
  const result: ModelFile[] = [];
  let read = 0;
  for (const file of needed) {
    const from = source(file.path);
    const role = file.path.endsWith('.safetensors') ? 'weights' : 'companion';
    let { bytes, sha256 } = file;
    if (sha256 === undefined) {
      // The hub gives a SHA-256 only for large files; small ones are read once and pinned as they are now.
      const most = Math.min(MOST_SMALL, MOST_SMALL_TOGETHER - read);
      const body = await readStart(input.client, addressOf(from, file.path, input), most + 1, input.signal);
      if (body.length > most)
        throw new Fault('page', `${input.host} tells no SHA-256 of ${file.path}, and it is too large to be looked at`);
      read += body.length;
      bytes = body.length;
      sha256 = createHash('sha256').update(body).digest('hex');
    }
    result.push({ ...weights(file.path, sha256, bytes, { source: from, host: input.host }), role });
  }
  return result;
}
