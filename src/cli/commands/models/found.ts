/** Examines what a person names as a base model of their own: a file or folder here, or a model on a server. */
import { readdirSync, statSync } from 'node:fs';
import { basename, extname, join, relative } from 'node:path';
import { DownloadError, UsageError } from '../../../base/errors.ts';
import { statOf } from '../../../base/files/stat.ts';
import { failureAdvice } from '../../../download/download-errors.ts';
import { createClient } from '../../../download/http/client.ts';
import { Fault } from '../../../download/http/fault.ts';
import { downloadSettings } from '../../../download/http/settings.ts';
import { redact } from '../../../download/http/sources.ts';
import { tokenHost } from '../../../download/http/token-hosts.ts';
import { FileReporter } from '../../../download/transfer/report.ts';
import type { ModelFile, Registry } from '../../../registry/catalogue/schema.ts';
import { type ModelFacts, readModelFacts } from '../../../registry/checkpoints/identify.ts';
import { knownHash } from '../../../registry/fetch/reuse.ts';
import { type FoundModel, knownAs } from '../../../registry/hub/own-entry.ts';
import { findRemote } from '../../../registry/hub/remote.ts';
import { remoteFacts, remoteSchedulerFacts } from '../../../registry/hub/remote-facts.ts';
import type { RemoteModel } from '../../../registry/hub/remote-model.ts';
import { downloadReporter } from '../../reporters/download.ts';
import type { Context } from '../../shell/context.ts';
import { type Options, sha256Option, text, tokenOption } from '../shared/options.ts';

/** A model in a file or folder on this machine. */
export async function local(path: string, context: Context, signal: AbortSignal): Promise<FoundModel> {
  const facts = readModelFacts(path, { ownVae: true });
  const report = downloadReporter(context);
  const paths = statSync(path).isDirectory() ? weightsIn(path) : [path];
  const files: ModelFile[] = [];
  for (const each of paths) {
    const bytes = statSync(each).size;
    const name = each === path ? basename(path) : relative(path, each);
    const progress = new FileReporter(name, bytes, 0.25, report.file);
    progress.stage('verifying');
    const onBytes = (n: number) => progress.bytes(n, n);
    const sha256 = await knownHash(each, context.places, onBytes, signal).catch((error: unknown) => {
      report.close();
      throw error;
    });
    files.push({
      path: name,
      role: 'weights',
      bytes,
      sha256,
      confidence: 'one',
      unverified: [],
      sources: [],
      local: each,
    });
  }
  report.close();
  return { title: basename(path, extname(path)), page: '', layout: facts.layout, files, facts };
}

function weightsIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.safetensors'))
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => statOf(path)?.isFile() === true);
}

/**
 * A model behind an address, a link to Civitai or a hub id.
 * @throws {DownloadError} when its server does not answer
 */
export async function remote(
  what: string,
  options: Options,
  {
    env,
    registry,
    signal,
  }: { readonly env: Context['env']; readonly registry: Registry; readonly signal: AbortSignal },
): Promise<FoundModel> {
  const tokenEnv = tokenOption(options, env);
  const address = /^https?:\/\//i.test(what) && URL.canParse(what);
  const settings = downloadSettings(env, {
    // A variable that is named on the command line together with an address is allowed for that address.
    tokenHosts: tokenEnv !== undefined && address ? [tokenHost(tokenEnv, what)] : [],
  });
  const client = createClient(settings, env);
  const input = {
    client,
    settings,
    env,
    signal,
    sha256: sha256Option(options),
    tokenEnv,
  };
  try {
    const found = await findRemote(what, input);
    const [weights] = found.files.filter((file) => file.role === 'weights');
    if (weights === undefined) throw new UsageError(`${what} holds no weights.`, { id: 'model/unreadable' });
    if (knownAs(registry, found.files) !== undefined) return { ...found, facts: unread(found) };
    const facts =
      found.layout === 'single_file'
        ? await remoteFacts(weights, input)
        : { ...folderFacts(found, options), ...(await remoteSchedulerFacts(found.title, found.files, input)) };
    return { ...found, facts };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new DownloadError(`${/^https?:/i.test(what) ? redact(what) : what} cannot be looked at.`, {
      id: 'model/hub',
      details: [`${error.message}.`],
      nextSteps:
        error.kind === 'denied'
          ? ['Set HF_TOKEN or CIVITAI_TOKEN if it needs a login.']
          : error.kind === 'gone' || error.kind === 'status'
            ? ['Check the spelling.']
            : failureAdvice([error], env),
      cause: error,
    });
  } finally {
    await client.close();
  }
}

const unread = ({ layout }: RemoteModel): ModelFacts => ({
  layout,
  family: 'sdxl',
  prediction: 'epsilon',
  predictionFrom: 'assumed',
  zeroTerminalSnr: false,
});

/** The facts from a list of files, in which only the second text encoder distinguishes SDXL from SD1.5. */
function folderFacts(found: RemoteModel, options: Options): ModelFacts {
  const family =
    text(options.family) ?? (found.files.some(({ path }) => path.startsWith('text_encoder_2/')) ? 'sdxl' : 'sd15');
  return { ...unread(found), family: family === 'sd15' ? 'sd15' : 'sdxl' };
}
