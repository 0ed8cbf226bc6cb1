/**
 * Resolves a hub id, a Civitai link or an address to files, hashes and pinned revisions, without fetching the weights.
 */
import { DownloadError, UsageError } from '../../base/errors.ts';
import { askAbout, readJson } from '../../download/http/ask.ts';
import { Fault } from '../../download/http/fault.ts';
import { withoutSecrets } from '../../download/http/secrets.ts';
import type { Source } from '../../download/http/source.ts';
import { addressedFile, redact } from '../../download/http/sources.ts';
import { civitaiFile, civitaiLink, newestVersion, readVersion } from './civitai.ts';
import { findOnHub, hubId, hubLink } from './hub-model.ts';
import { addressOf, type RemoteInput, type RemoteModel, weights, withoutEnding } from './remote-model.ts';

/**
 * Finds the model that a text means.
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
 * The error for a server that refuses the address without its secret part: `pull` may be used once with that part,
 * which is not written down.
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
    // Civitai's API rounds sizes, so the size stays unknown until the file is requested.
    files: [weights(file.name, file.sha256, undefined, { source: { kind: 'civitai', model, version }, host })],
  };
}
