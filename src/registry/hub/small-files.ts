/**
 * Completes an entry for which the registry pins only the weights: its configuration and tokenizer files are looked up
 * at the commit that the registry names, hashed once, and written down as an entry of the person's own.
 */
import { DownloadError } from '../../base/errors.ts';
import type { Places } from '../../base/paths.ts';
import { createClient } from '../../download/http/client.ts';
import { Fault } from '../../download/http/fault.ts';
import { downloadSettings } from '../../download/http/settings.ts';
import { writeOwnAsset } from '../catalogue/own.ts';
import type { AssetEntry, ModelFile } from '../catalogue/schema.ts';
import { listRepository, pinnedFiles } from './hub-model.ts';

interface Where {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Names of the small files that transformers reads beside the weights. Files of code are never among them. */
const SMALL = /^[^/]+\.(json|txt)$/u;

/**
 * The entry with its small files; the same entry when it names its configuration already, or has no source on the hub.
 * @throws DownloadError when the hub cannot be asked
 */
export async function pinSmallFiles(entry: AssetEntry, { places, env, signal }: Where): Promise<AssetEntry> {
  const weights = entry.files.find(({ role }) => role === 'weights');
  const source = weights?.sources.find((one) => one.kind === 'hub');
  const isPinned = weights?.sha256 !== undefined;
  if (entry.files.some(({ path }) => path === 'config.json') || source === undefined) return entry;
  if (isPinned && source.revision === undefined) return entry;
  const { repo, revision: asked = 'main' } = source;
  const settings = downloadSettings(env);
  const client = createClient(settings, env);
  let found: ModelFile[];
  try {
    const { api, commit, files } = await listRepository({ repo, revision: asked }, { settings, client, signal });
    const revision = source.revision ?? commit;
    if (revision === undefined) throw new Fault('page', `${api.label} does not say at which commit ${repo} is`);
    const wanted = isPinned ? [] : files.filter(({ path }) => path === (source.path ?? weights?.path));
    if (!isPinned && wanted[0]?.sha256 === undefined)
      throw new Fault('page', `${api.label} tells no SHA-256 of ${weights?.path}`);
    const small = [...wanted, ...files.filter(({ path }) => SMALL.test(path))];
    const input = { settings, client, signal, env, sha256: undefined, tokenEnv: undefined, host: api.label };
    found = await pinnedFiles(small, (path) => ({ kind: 'hub', repo, revision, path }), input);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new DownloadError(`The configuration of ${entry.title} cannot be looked up.`, {
      id: 'download/failed',
      details: [`${error.message}.`, `${repo} at ${asked}`],
      nextSteps: ['The same command tries again.', 'Or give a folder that holds the whole model: --captioner FOLDER'],
      cause: error,
    });
  } finally {
    await client.close();
  }
  const whole = {
    ...entry,
    files: isPinned ? [...entry.files, ...found.map((file) => ({ ...file, role: 'companion' as const }))] : found,
  };
  writeOwnAsset(places.config, whole);
  return whole;
}
