/** Carries out `models pull ID` or `models pull URL --sha256 HEX`: fetches files with the code of all downloads. */
import { basename, dirname, resolve } from 'node:path';
import { EXIT, UsageError } from '../../../base/errors.ts';
import { statOf } from '../../../base/files/stat.ts';
import type { Places } from '../../../base/paths.ts';
import { typedPath } from '../../../base/typed-path.ts';
import { fetchFile } from '../../../download/fetch-file.ts';
import { rememberFolder } from '../../../download/file/partials.ts';
import { isFileSize } from '../../../download/file/pieces.ts';
import { shownAddress } from '../../../download/http/secrets.ts';
import { downloadSettings, parseRate, type SettingsOverrides } from '../../../download/http/settings.ts';
import type { Source } from '../../../download/http/source.ts';
import { addressedFile, redact } from '../../../download/http/sources.ts';
import { allowTokenHosts, tokenHost } from '../../../download/http/token-hosts.ts';
import { settleLicense } from '../../../registry/catalogue/licenses.ts';
import { findEntry, loadRegistry } from '../../../registry/catalogue/load.ts';
import { locateModel } from '../../../registry/catalogue/locate.ts';
import type { AnyEntry } from '../../../registry/catalogue/schema.ts';
import { fetchModel } from '../../../registry/fetch/fetch-model.ts';
import { createReuse } from '../../../registry/fetch/reuse.ts';
import { downloadReporter } from '../../reporters/download.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { type Options, sha256Option, text, texts, tokenOption } from '../shared/options.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';

export const run: CommandRun = async ([what, ...more], options, context) => {
  if (what === undefined || more.length > 0)
    throw new UsageError('Pull one model or one address.', {
      id: 'command/wrong',
      nextSteps: [
        'visiontrain models pull sdxl',
        'visiontrain models pull https://… --sha256 HEX -o model.safetensors',
      ],
    });
  const stop = stopSignals('Stopped. What is downloaded is kept; the same command goes on from there.');
  const report = downloadReporter(context);
  try {
    const job = { options, context, signal: stop.signal, report };
    if (/^https?:\/\//i.test(what)) await pullUrl(what, job);
    else await pullEntry(what, job);
  } finally {
    report.close();
    stop.off();
  }
  return EXIT.ok;
};

interface Job {
  readonly options: Options;
  readonly context: Context;
  readonly signal: AbortSignal;
  readonly report: ReturnType<typeof downloadReporter>;
}

async function pullEntry(id: string, { options, context, signal, report }: Job): Promise<void> {
  const { places, env, out, flags } = context;
  const entry = findEntry(loadRegistry({ configDir: places.config }), id);
  const { ready, path } = locateModel(entry, places);
  if (!ready) {
    const hint = `If you accept it: visiontrain models pull ${entry.id} --accept-license`;
    settleLicense(entry, places, options.acceptLicense === true, [hint]);
  }
  const tokenEnv = tokenOption(options, env);
  if (tokenEnv !== undefined) allowToken(entry, tokenEnv, places);
  if (!ready) await fetchModel(entry, { places, env, signal, settings: overrides(options), onFile: report.file });
  report.close();
  if (flags.json) out.json({ id: entry.id, path, fetched: !ready });
  else if (ready) out.talk(`${entry.title} is already here.`);
  if (!flags.json) out.verbatim(path);
}

/** Allows a variable for the address of an entry, as `--token-env` with an entry asks. */
function allowToken(entry: AnyEntry, name: string, places: Places): void {
  const sources = entry.files.flatMap((file) => file.sources);
  const urls = sources.flatMap((source) => (source.kind === 'url' && source.token_env === name ? [source.url] : []));
  if (urls.length === 0)
    throw new UsageError(`${entry.id} names no address that takes ${name} as its token.`, { id: 'model/token' });
  allowTokenHosts(places, name, urls);
}

async function pullUrl(url: string, { options, context, signal, report }: Job): Promise<void> {
  const { places, env, out, flags } = context;
  if (!URL.canParse(url))
    throw new UsageError(`${JSON.stringify(shownAddress(url))} is not an address.`, { id: 'model/address' });
  const sha256 = sha256Option(options);
  if (sha256 === undefined)
    throw new UsageError(
      'An address needs the SHA-256 of its file (64 hexadecimal digits): it decides what is accepted.',
      {
        id: 'model/address',
        nextSteps: [
          `visiontrain models pull ${redact(url)} --sha256 HEX`,
          'Model pages on Hugging Face and Civitai show it beside the file.',
        ],
      },
    );
  const size = text(options.size);
  if (size !== undefined && !(/^[1-9]\d*$/.test(size) && isFileSize(Number(size))))
    throw new UsageError(`--size is the number of bytes, not ${JSON.stringify(size)}.`, { id: 'command/wrong-value' });
  const tokenEnv = tokenOption(options, env);
  const addresses = [url, ...texts(options.mirror)];
  for (const mirror of addresses)
    if (!URL.canParse(mirror))
      throw new UsageError(`${JSON.stringify(shownAddress(mirror))} is not an address.`, { id: 'model/address' });
  const sources: Source[] = addresses.map((address) => ({
    kind: 'url',
    url: address,
    // The token is for the first server only; a mirror on another server must not see it.
    ...(tokenEnv !== undefined && new URL(address).origin === new URL(url).origin ? { token_env: tokenEnv } : {}),
  }));
  const path = target(text(options.output), url);
  rememberFolder(places, dirname(path));
  const outcome = await fetchFile(
    { path, sha256, bytes: size === undefined ? undefined : Number(size), sources, name: basename(path) },
    {
      settings: downloadSettings(env, { ...overrides(options), ...tokenFor(tokenEnv, url) }),
      env,
      signal,
      reuse: createReuse(places, env),
      onProgress: report.file,
    },
  );
  report.close();
  if (flags.json) out.json({ path, sha256, outcome });
  else out.verbatim(path);
}

/**
 * The token's variable for an address. A variable that is named on the command line together with an address is
 * allowed for that address.
 */
const tokenFor = (name: string | undefined, url: string) =>
  name === undefined ? {} : { tokenHosts: [tokenHost(name, url)] };

/**
 * The file to write: the one that `-o` names (in a folder, which may be new, the file gets the address's own name),
 * else that name in the current folder.
 */
function target(output: string | undefined, url: string): string {
  const typed = output === undefined ? undefined : typedPath(output, '.');
  const folder = typed !== undefined && (/[/\\]['"]?\s*$/.test(output ?? '') || statOf(typed)?.isDirectory() === true);
  if (typed !== undefined && !folder) return typed;
  const name = addressedFile(url);
  if (name === undefined)
    throw new UsageError('The address has no file name.', {
      id: 'model/address',
      nextSteps: ['Give one with -o FILE.'],
    });
  return resolve(typed ?? '.', name);
}

function overrides(options: Options): SettingsOverrides {
  const connections = text(options.connections);
  if (connections !== undefined && !/^([1-9]|1[0-6])$/.test(connections))
    throw new UsageError('--connections is a number from 1 to 16.', { id: 'command/wrong-value' });
  const rate = text(options.limitRate);
  const n = Number(connections);
  return {
    ...(connections === undefined ? {} : { connections: { first: n, most: n } }),
    ...(rate === undefined ? {} : { limit: parseRate(rate) }),
  };
}
