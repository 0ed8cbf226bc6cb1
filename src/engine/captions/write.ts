/** Does everything for writing captions: packages, models, the program itself. The command and a run share it. */
import type { Places } from '../../base/paths.ts';
import { plural } from '../../base/text.ts';
import { loadRegistry } from '../../registry/catalogue/load.ts';
import type { AssetEntry } from '../../registry/catalogue/schema.ts';
import { readyAsset } from '../../registry/fetch/ready-asset.ts';
import type { PythonEnvironment } from '../environment/check.ts';
import { EXTRAS, ensureExtra } from '../environment/extras.ts';
import type { StepTools } from '../events/step-tools.ts';
import type { CaptionSettings } from './compose.ts';
import { captionMethods, type Method } from './methods.ts';
import { captionsDir, readWritten } from './store.ts';
import { type CaptionImage, runWorker } from './worker.ts';

export interface WriteInput {
  readonly settings: CaptionSettings;
  /** Folder that relative paths in the settings start from. */
  readonly dir: string;
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly environment: PythonEnvironment;
  readonly root: string;
  readonly images: readonly CaptionImage[];
  /** Name of the device in torch. */
  readonly device: string;
  readonly threads: number;
  readonly log: string;
  /** Environment variable that holds an endpoint's key. */
  readonly keyEnv: string | undefined;
}

export interface CaptionsWritten {
  /** Images without a caption, each with the reason. */
  readonly failed: readonly { readonly path: string; readonly reason: string }[];
}

/** Most images without a caption that are named. */
const NAMED = 5;

/**
 * Writes captions for the images that have none in our store. For finished images only their result is read.
 * @throws DownloadError, EnvironmentError or TrainingError; captions that were written before are kept
 */
export async function writeCaptions(input: WriteInput, tools: StepTools): Promise<CaptionsWritten> {
  const methods = await readyMethods(input, tools);
  const store = captionsDir(input.places);
  const todo = input.images.filter(({ sha256 }) => readWritten(store, sha256, methods, input.settings) === undefined);
  const failed: { path: string; reason: string }[] = [];
  if (todo.length === 0) return { failed };
  const extras = [...(input.environment.extras ?? []), ...(await neededExtras(methods, input, tools))];
  tools.phase(methods.map(({ name }) => name).join(', '));
  const local = new Set(methods.filter(({ kind }) => kind !== 'endpoint').map(({ name }) => name));
  await runWorker(
    { ...input, methods, extras, store, python: input.environment.python, signal: tools.signal, images: input.images },
    {
      progress: ({ method, done, total, rate }) =>
        tools.progress({
          ...{ item: method, unit: 'captions', done, total },
          ...(rate === undefined ? {} : { rate }),
          ...(rate === undefined && done < total && local.has(method) ? { detail: 'loading the model' } : {}),
        }),
      failed: (path, reason) => failed.push({ path, reason }),
    },
  );
  for (const { path, reason } of failed.slice(0, NAMED))
    tools.note({ level: 'warn', text: `${path} gets no caption: ${reason}` });
  if (failed.length > NAMED)
    tools.note({
      level: 'warn',
      text: `${plural(failed.length - NAMED, 'more picture')} without a caption: see ${input.log}`,
    });
  return { failed };
}

async function neededExtras(methods: readonly Method[], { places, env, environment }: WriteInput, tools: StepTools) {
  if (!methods.some(({ kind }) => kind === 'tags')) return [];
  const folder = await ensureExtra(EXTRAS.captions, {
    places,
    env,
    environment,
    signal: tools.signal,
    onProgress: ({ item, done, total, detail }) =>
      tools.progress({ item, unit: 'packages', done, total, ...(detail === undefined ? {} : { detail }) }),
  });
  return folder === null ? [] : [folder];
}

/** The methods with their models on this disk. */
async function readyMethods(input: WriteInput, tools: StepTools): Promise<readonly Method[]> {
  const { places, env, settings, dir, keyEnv } = input;
  const registry = loadRegistry({ configDir: places.config });
  const methods = await captionMethods({ settings, dir, registry, places });
  const { signal } = tools;
  const onStart = ({ title }: AssetEntry) => tools.phase(`fetching ${title}`);
  for (const { entry } of methods)
    if (entry !== undefined) await readyAsset(entry, { places, env, signal, onStart, onProgress: tools.progress });
  const key = keyEnv !== undefined && env[keyEnv]?.trim() ? keyEnv : undefined;
  return methods.map((method) =>
    method.kind === 'endpoint' && key !== undefined
      ? { ...method, settings: { ...method.settings, key_env: key } }
      : method,
  );
}
