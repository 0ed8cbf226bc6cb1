/**
 * `models add FILE|FOLDER|URL|HUB-ID`: adds a base model of the person's own, recognised by its hash and its tensors.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, extname, join, relative } from 'node:path';
import { DownloadError, EXIT, UsageError } from '../../../base/errors.ts';
import { statOf } from '../../../base/files/stat.ts';
import { typedPath } from '../../../base/typed-path.ts';
import { failureAdvice } from '../../../download/download-errors.ts';
import { createClient } from '../../../download/http/client.ts';
import { Fault } from '../../../download/http/fault.ts';
import { downloadSettings } from '../../../download/http/settings.ts';
import { redact } from '../../../download/http/sources.ts';
import { allowTokenHosts, tokenHost } from '../../../download/http/token-hosts.ts';
import { FileReporter } from '../../../download/transfer/report.ts';
import { lookUp, neutralEntry } from '../../../registry/catalogue/find.ts';
import { findModel, loadRegistry } from '../../../registry/catalogue/load.ts';
import { type OwnEntry, writeOwnEntry } from '../../../registry/catalogue/own.ts';
import {
  type AnyEntry,
  ID,
  type ModelEntry,
  type ModelFile,
  type Registry,
} from '../../../registry/catalogue/schema.ts';
import { vaeFor } from '../../../registry/checkpoints/architecture.ts';
import { type ModelFacts, readModelFacts } from '../../../registry/checkpoints/identify.ts';
import { knownHash } from '../../../registry/fetch/reuse.ts';
import { findRemote } from '../../../registry/hub/remote.ts';
import { remoteFacts, remoteSchedulerFacts } from '../../../registry/hub/remote-facts.ts';
import type { RemoteModel } from '../../../registry/hub/remote-model.ts';
import type { Family, Prediction } from '../../../spec/schema.ts';
import { downloadReporter } from '../../reporters/download.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { type Options, sha256Option, text, tokenOption } from '../shared/options.ts';
import { stopSignals } from '../shared/stop-signals.ts';

export const run: CommandRun = async ([what, ...more], options, context) => {
  const { out, places, flags } = context;
  if (what === undefined || more.length > 0)
    throw new UsageError('Add one model.', {
      id: 'command/wrong',
      nextSteps: [
        'visiontrain models add FILE.safetensors',
        'visiontrain models add owner/name',
        'visiontrain models add https://civitai.com/models/…',
      ],
    });
  const registry = loadRegistry({ configDir: places.config });
  const id = text(options.id);
  if (id !== undefined) checkNewId(id, registry);
  const stop = stopSignals('Stopped. Nothing was added.');
  const path = /^https?:/i.test(what) ? what : typedPath(what, '.');
  const found = await (existsSync(path)
    ? local(path, context, stop.signal)
    : remote(what, options, context, registry, stop.signal)
  ).finally(stop.off);
  const known = knownAs(registry, found.files);
  if (known !== undefined) {
    if (flags.json) out.json({ id: known.id, known: true });
    else out.talk(`This is ${known.title}; it is in the registry as ${known.id}.  visiontrain models pull ${known.id}`);
    return EXIT.ok;
  }
  const entry = describe(found, options, registry);
  checkNewId(entry.id, registry);
  const file = writeOwnEntry(places.config, entry);
  const tokenEnv = tokenOption(options, context.env);
  if (tokenEnv !== undefined) allowTokenHosts(places, tokenEnv, addressesWith(tokenEnv, found.files));
  if (flags.json) out.json({ id: entry.id, known: false, family: entry.family, prediction: entry.prediction, file });
  else {
    out.talk(
      `Added ${entry.id}: ${entry.family}, ${entry.prediction}${found.facts.predictionFrom === 'assumed' ? ' (assumed: the file does not say; change it with --prediction v_prediction)' : ''}.`,
    );
    if (found.facts.lacksVae)
      out.talk(`It holds no VAE: set model.vae in run.yaml when you train on it, such as ${entry.recommended_vae}.`);
    out.talk(`Its entry can be edited: ${file}`);
    if (found.left !== undefined && found.left.length > 0)
      out.talk(`Not kept in it, since it lets anybody in who reads it: ${found.left.join(', ')}.`);
    if (found.files.some((f) => f.local === undefined)) out.talk(`Fetch it: visiontrain models pull ${entry.id}`);
  }
  return EXIT.ok;
};

const addressesWith = (variable: string, files: readonly ModelFile[]): string[] =>
  files.flatMap(({ sources }) =>
    sources.flatMap((source) => (source.kind === 'url' && source.token_env === variable ? [source.url] : [])),
  );

/** @throws UsageError when another entry has the id, whose place the new entry would take */
function checkNewId(id: string, registry: Registry): void {
  if (!ID.test(id))
    throw new UsageError(`An id has lower-case letters, digits, dots and dashes; ${JSON.stringify(id)} has not.`, {
      id: 'model/id',
      nextSteps: [`--id ${slug(id)}`],
    });
  if (lookUp<AnyEntry>([...registry.models, ...registry.assets], id) !== undefined)
    throw new UsageError(`There is an entry ${id} already.`, {
      id: 'model/id-taken',
      nextSteps: [`Give another name with --id. What it is: visiontrain models info ${id}`],
    });
}

interface Found extends RemoteModel {
  readonly facts: ModelFacts;
}

async function local(path: string, context: Context, signal: AbortSignal): Promise<Found> {
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

async function remote(
  what: string,
  options: Options,
  { env }: Context,
  registry: Registry,
  signal: AbortSignal,
): Promise<Found> {
  const tokenEnv = tokenOption(options, env);
  const address = /^https?:\/\//i.test(what) && URL.canParse(what);
  const settings = downloadSettings(env, {
    // A variable that is named on the command line together with an address is meant for that address.
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

/** In a list of files only the second text encoder tells SDXL from SD1.5. */
function folderFacts(found: RemoteModel, options: Options): ModelFacts {
  const family =
    text(options.family) ?? (found.files.some(({ path }) => path.startsWith('text_encoder_2/')) ? 'sdxl' : 'sd15');
  return { ...unread(found), family: family === 'sd15' ? 'sd15' : 'sdxl' };
}

/** The entry that has exactly these weights; undefined when there is none. */
function knownAs(registry: Registry, files: readonly ModelFile[]): AnyEntry | undefined {
  const hashes = new Set(files.filter((f) => f.role === 'weights').map((f) => f.sha256));
  return [...registry.models, ...registry.assets].find((entry) => {
    const own = entry.files.filter((file) => file.role === 'weights');
    return (
      own.length > 0 &&
      own.length === hashes.size &&
      own.every((file) => file.sha256 !== undefined && hashes.has(file.sha256))
    );
  });
}

function describe(found: Found, options: Options, registry: Registry): OwnEntry {
  const { family } = found.facts;
  const prediction = text(options.prediction) ?? found.facts.prediction;
  if (prediction !== 'epsilon' && prediction !== 'v_prediction')
    throw new UsageError('--prediction is epsilon or v_prediction.', { id: 'command/wrong-value' });
  const like =
    text(options.like) === undefined
      ? defaultLike(registry, family, prediction)
      : findModel(registry, text(options.like) ?? '');
  if (like.family !== family)
    throw new UsageError(`${like.id} is ${like.family}, but this model is ${family}.`, { id: 'model/family' });
  return {
    id: text(options.id) ?? slug(found.title),
    title: text(options.title) ?? found.title,
    summary: 'Added by you.',
    family,
    prediction,
    zero_terminal_snr: found.facts.zeroTerminalSnr,
    resolution: like.resolution,
    layout: found.layout,
    ...recommendedVae(found.facts, like),
    recipe_set: like.recipe_set ?? family,
    ...(found.layout === 'single_file' ? { companions: `${family}-config` } : {}),
    files: found.files,
    caption_style: like.caption_style,
    guidance: like.guidance,
    sample_prompts: like.sample_prompts,
    negative_prompt: like.negative_prompt,
    license: {
      name: 'unknown',
      url: found.page,
      restrictions: 'Ask its author before you share or sell what you make with it.',
      acceptance: false,
    },
  };
}

/**
 * A file without a VAE needs a recommended one. For other files the VAE recommended for the similar model is passed on.
 */
function recommendedVae({ lacksVae, family }: ModelFacts, like: ModelEntry): Pick<OwnEntry, 'recommended_vae'> {
  const vae = like.recommended_vae ?? (lacksVae ? vaeFor[family] : undefined);
  return vae === undefined ? {} : { recommended_vae: vae };
}

function defaultLike(registry: Registry, family: Family, prediction: Prediction): ModelEntry {
  const like = neutralEntry(registry, family, prediction);
  if (like === undefined)
    throw new UsageError(`The registry has no model of the family ${family}.`, { id: 'model/family' });
  return like;
}

const slug = (title: string) =>
  title
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .slice(0, 60) || 'my-model';
