/**
 * Resolves a hub id, a Civitai link or an address to files, hashes and pinned revisions, without fetching the weights.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { DownloadError, UsageError } from '../../base/errors.ts';
import { decodePercent } from '../../base/text.ts';
import { askAbout, readJson, readStart } from '../../download/http/ask.ts';
import type { Client } from '../../download/http/client.ts';
import { Fault } from '../../download/http/fault.ts';
import { withoutSecrets } from '../../download/http/secrets.ts';
import type { DownloadSettings } from '../../download/http/settings.ts';
import type { Source } from '../../download/http/source.ts';
import { type Address, addressedFile, addresses, hubPage, redact } from '../../download/http/sources.ts';
import type { ModelFile } from '../catalogue/schema.ts';
import { civitaiFile, civitaiLink, newestVersion, readVersion } from './civitai.ts';
import { checkInside, type Listed, readListing } from './hub-listing.ts';

export interface RemoteModel {
  readonly title: string;
  /** Page about the model. */
  readonly page: string;
  readonly layout: 'single_file' | 'diffusers';
  readonly files: ModelFile[];
  /** Parts of the person's address that are not kept, because they would let anybody in. */
  readonly left?: readonly string[];
}

export interface RemoteInput {
  readonly client: Client;
  readonly settings: DownloadSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Hash as given by the person, since a plain address cannot tell it. */
  readonly sha256: string | undefined;
  readonly tokenEnv: string | undefined;
}

/**
 * Finds out what the text means.
 * @throws UsageError when it is unclear which file is meant; Fault when the server refuses
 */
export async function findRemote(what: string, input: RemoteInput): Promise<RemoteModel> {
  if (!/^https?:\/\//i.test(what)) return findOnHub(hubId(what), input);
  if (!URL.canParse(what)) throw new UsageError(`${JSON.stringify(what)} is not an address.`, { id: 'model/address' });
  const civitai = civitaiLink(what);
  if (civitai !== undefined) return findOnCivitai(civitai, input);
  const onHub = hubLink(what, input.settings.hub);
  if (onHub !== undefined) return findOnHub(onHub, input);
  if (input.sha256 === undefined)
    throw new UsageError('An address needs the SHA-256 of its file.', {
      id: 'model/address',
      nextSteps: [`visiontrain models add ${redact(what)} --sha256 HEX`],
    });
  const { url, left } = withoutSecrets(what);
  const source: Source = {
    kind: 'url',
    url,
    ...(input.tokenEnv === undefined ? {} : { token_env: input.tokenEnv }),
  };
  const name = addressedFile(what);
  if (name === undefined)
    throw new UsageError('The address has no file name.', {
      id: 'model/address',
      nextSteps: ['Fetch the file first: visiontrain models pull URL --sha256 HEX -o FILE; then add FILE.'],
    });
  const address = addressOf(source, name, input);
  const { bytes } = await askAbout(input.client, address, input.signal).catch((error: unknown) => {
    throw error instanceof Fault && left.length > 0 ? needsSecret(error, left, redact(what)) : error;
  });
  return {
    title: withoutEnding(name),
    page: url,
    layout: 'single_file',
    files: [weights(name, input.sha256, bytes, { source, host: address.label })],
    left,
  };
}

/**
 * The error when the bare address is refused: `pull` may be used once with the secret part, which is not written down.
 */
function needsSecret(fault: Fault, left: readonly string[], address: string): DownloadError {
  return new DownloadError(`${address} cannot be had without what lets you in, and that is not kept in a file.`, {
    id: 'model/token',
    details: [`${fault.message}.`, `Left out: ${left.join(', ')}.`],
    nextSteps: [
      'A token: put it in a variable, and name it with --token-env NAME.',
      'Else fetch the file first: visiontrain models pull URL --sha256 HEX -o FILE; then add FILE.',
    ],
    cause: fault,
  });
}

interface OnHub {
  readonly repo: string;
  /** File in the repository; empty for its only checkpoint. */
  readonly inner: string;
  readonly revision: string;
}

/** @throws UsageError when the text is not `owner/name` or `owner/name/FILE` */
function hubId(what: string): OnHub {
  const [, repo, inner = ''] = /^([\w.-]+\/[\w.-]+)(?:\/(.+))?$/.exec(what) ?? [];
  if (repo === undefined)
    throw new UsageError(`${what} is no file, no address and no hub id (owner/name).`, { id: 'model/address' });
  return { repo, inner, revision: 'main' };
}

/** Reads a link to a repository, to a revision of it or to a file in it; undefined when the address is none. */
function hubLink(url: string, hub: string): OnHub | undefined {
  const { origin, pathname } = new URL(url);
  if (origin !== new URL(hub).origin && origin !== 'https://huggingface.co') return undefined;
  const link = /^\/([\w.-]+\/[\w.-]+)(?:\/(?:tree\/([^/]+)|(?:resolve|blob)\/([^/]+)\/(.+)))?\/?$/;
  const [, repo, tree, revision = tree ?? 'main', inner = ''] = link.exec(pathname) ?? [];
  return repo === undefined ? undefined : { repo, inner: decodePercent(inner), revision: decodePercent(revision) };
}

async function findOnHub({ repo, inner, revision }: OnHub, input: RemoteInput): Promise<RemoteModel> {
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

/** The files of a repository of the hub at a revision, and the address that told them. */
export async function listRepository(
  { repo, revision }: Pick<OnHub, 'repo' | 'revision'>,
  { settings, client, signal }: Pick<RemoteInput, 'settings' | 'client' | 'signal'>,
) {
  const url = `${settings.hub}/api/models/${repo}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const page = hubPage(settings, repo);
  const api: Address = { url, label: new URL(url).host, token: settings.hubToken, page, kind: 'hub' };
  return { api, ...readListing(await readJson(client, api, signal), api.label) };
}

/** More files or bytes than these do not belong to a model. Each small file costs a request, and is read whole. */
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
 * The listed files with the hash of each. @throws {Fault} when there are too many, or one is too large to be looked at
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

async function findOnCivitai(
  link: { model: number | undefined; version: number | undefined },
  input: RemoteInput,
): Promise<RemoteModel> {
  const { settings, client, signal } = input;
  const { host } = new URL(settings.civitai);
  const ask = (path: string) => {
    const url = `${settings.civitai}/api/v1/${path}`;
    return readJson(
      client,
      { url, label: new URL(url).host, token: settings.civitaiToken, page: undefined, kind: 'civitai' },
      signal,
    );
  };
  let { version } = link;
  if (version === undefined) {
    if (link.model === undefined) throw new UsageError('This link to Civitai names no model.', { id: 'model/hub' });
    version = newestVersion(await ask(`models/${link.model}`), host);
    if (version === undefined)
      throw new UsageError('This model has no published version on Civitai.', { id: 'model/hub' });
  }
  const found = readVersion(await ask(`model-versions/${version}`), host);
  const file = civitaiFile(found, input.sha256);
  const model = found.modelId ?? link.model;
  if (file === undefined || model === undefined)
    throw new UsageError('This version on Civitai offers no .safetensors checkpoint.', { id: 'model/hub' });
  return {
    title:
      [found.model?.name, found.name].filter((part) => typeof part === 'string').join(' ') || withoutEnding(file.name),
    page: `${settings.civitai}/models/${model}?modelVersionId=${version}`,
    layout: 'single_file',
    // Civitai's API rounds sizes, so the size stays unknown until the file is asked for.
    files: [weights(file.name, file.sha256, undefined, { source: { kind: 'civitai', model, version }, host })],
  };
}

/** @throws {Fault} when the server names a file of no bytes, or one that could lie outside its folder */
function weights(
  path: string,
  sha256: string,
  bytes: number | undefined,
  { source, host }: { source: Source; host: string },
): ModelFile {
  checkInside(path, host);
  if (bytes === 0) throw new Fault('page', `${host} says that ${path} is empty`);
  const size = bytes === undefined ? {} : { bytes };
  return {
    path,
    role: 'weights',
    ...size,
    sha256,
    confidence: 'one',
    unverified: bytes === undefined ? ['bytes'] : [],
    sources: [source],
  };
}

/** Turns a source into the address that downloads use. */
export function addressOf(source: Source, name: string, { settings, env }: RemoteInput): Address {
  const [address] = addresses([source], name, settings, env);
  if (address === undefined) throw new Error('a source has an address');
  return address;
}

const withoutEnding = (name: string) => name.replace(/\.safetensors$/i, '');
