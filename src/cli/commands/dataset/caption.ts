/** Carries out `dataset caption DIR`: writes captions for images that have none, outside of their folder. */
import { join } from 'node:path';
import { ConfigError, EXIT, UsageError } from '../../../base/errors.ts';
import { issueWords } from '../../../base/issue-words.ts';
import { plural } from '../../../base/text.ts';
import { CAPTION_KEY } from '../../../engine/captions/consent.ts';
import { captionMethods } from '../../../engine/captions/methods.ts';
import { captionPreset } from '../../../engine/captions/presets.ts';
import { writeCaptionFiles } from '../../../engine/captions/sidecars.ts';
import { captionsDir, readWritten, type Written } from '../../../engine/captions/store.ts';
import { writeCaptions } from '../../../engine/captions/write.ts';
import type { HashedImage, HashedScan } from '../../../engine/dataset/hash.ts';
import { ensureEnvironment } from '../../../engine/environment/ensure.ts';
import { withReaders } from '../../../engine/environment/readers.ts';
import type { StepTools } from '../../../engine/events/step-tools.ts';
import { probeHardware } from '../../../engine/hardware/probe.ts';
import { findModel, loadRegistry } from '../../../registry/catalogue/load.ts';
import { captionsSchema, type RunSpec } from '../../../spec/schema.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { type Options, text, texts } from '../shared/options.ts';
import { stepProgress } from '../shared/steps/step-progress.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import { inspect, scanOptions } from './check.ts';
import { goalOf } from './check-settings.ts';

type Settings = RunSpec['captions'];

export const run: CommandRun = async ([folder = '.'], options, context) => {
  const wanted = scanOptions(options);
  const settings = captionSettings(options, context);
  const scan = await inspect(folder, wanted, context);
  const images = scan.images.filter(({ caption }) => caption === null || options.all === true);
  if (images.length === 0) {
    context.out.talk('Every picture has a caption of its own: nothing is written. --all captions them all the same.');
    if (context.flags.json) context.out.json({ root: scan.root, images: [], failed: [], files: [] });
    return EXIT.ok;
  }
  const { failed } = await work(scan, images, { settings, options, context });
  await tell(scan, images, { settings, options, context, failed });
  return EXIT.ok;
};

interface Job {
  readonly settings: Settings;
  readonly options: Options;
  readonly context: Context;
}

type Failed = readonly { readonly path: string; readonly reason: string }[];

async function work(scan: HashedScan, images: readonly HashedImage[], { settings, options, context }: Job) {
  const { places, env, out } = context;
  const stop = stopSignals('Stopped. The captions that are written are kept; the same command goes on from there.');
  const progress = stepProgress(context);
  const tools: StepTools = { signal: stop.signal, ...progress.tools };
  try {
    const hardware = await probeHardware([places.home], env);
    const [card] = hardware.gpus;
    const device = text(options.device) ?? (card?.vendor === 'nvidia' ? `cuda:${card.index}` : 'cpu');
    if (!/^(cpu|mps|cuda(:\d+)?)$/u.test(device))
      throw new UsageError(`--device ${device} must be cpu, mps, cuda or cuda:N.`, { id: 'command/wrong-value' });
    const files = { root: scan.root, paths: images.map(({ path }) => path) };
    const owner = { places, env };
    const environment = await withReaders(await ensureEnvironment(owner, device, tools), files, owner, tools);
    out.talk(`${plural(images.length, 'picture')} to caption, on ${device}.`);
    return await writeCaptions(
      {
        settings,
        dir: process.cwd(),
        places,
        env,
        environment,
        root: scan.root,
        images,
        device,
        threads: hardware.cpuCores,
        log: join(places.home, 'captions.log'),
        keyEnv: text(options.keyEnv) ?? CAPTION_KEY,
      },
      tools,
    );
  } finally {
    progress.end();
    stop.off();
  }
}

async function tell(scan: HashedScan, images: readonly HashedImage[], job: Job & { readonly failed: Failed }) {
  const { settings, options, failed } = job;
  const { places, out, flags } = job.context;
  const registry = loadRegistry({ configDir: places.config });
  const methods = await captionMethods({ settings, dir: process.cwd(), registry, places });
  const store = captionsDir(places);
  const written = images.flatMap(({ path, sha256 }) => {
    const found = readWritten(store, sha256, methods, settings);
    return found === undefined ? [] : [{ path, ...found }];
  });
  const files =
    options.writeFiles === true ? writeCaptionFiles(scan.root, written, scanOptions(options).captionExtension) : [];
  if (flags.json) {
    out.json({ root: scan.root, images: written, failed, files });
    return;
  }
  for (const { path, caption } of written) out.data(`${path}\t${caption}`);
  talkOf(written, job, files.length);
}

function talkOf(
  written: readonly Written[],
  { settings, options, context, failed }: Job & { readonly failed: Failed },
  files: number,
) {
  const { out } = context;
  out.talk(
    `${plural(written.length, 'caption')} written${failed.length === 0 ? '' : `, ${failed.length} not`}. Nothing in the folder is changed${options.writeFiles === true ? ` but for ${plural(files, 'new file')}` : ''}.`,
  );
  const empty = written.filter(({ caption }) => caption === '').length;
  if (empty > 0) out.talk(`${plural(empty, 'picture')} got no tag above the threshold: try --threshold 0.25.`);
  out.talk('A run uses them with these lines in its run.yaml:');
  out.talk('  captions:');
  for (const [key, value] of Object.entries(differing(settings))) out.talk(`    ${key}: ${JSON.stringify(value)}`);
}

/** The settings that are not the default. */
function differing(settings: Settings): Partial<Settings> {
  const standard = captionsSchema.parse({});
  return Object.fromEntries(
    Object.entries(settings).filter(
      ([key, value]) => JSON.stringify(value) !== JSON.stringify(standard[key as keyof Settings]),
    ),
  );
}

/**
 * The settings from the options, completed by those that suit the base model.
 * @throws UsageError, ConfigError that name the option
 */
function captionSettings(options: Options, { places }: Context): Settings {
  const base = text(options.for);
  const goal = goalOf(text(options.goal));
  const preset =
    base === undefined
      ? { write: 'tags' }
      : captionPreset(findModel(loadRegistry({ configDir: places.config }), base), goal);
  const endpoint = text(options.endpoint);
  const given: Record<string, unknown> = {
    write: endpoint === undefined ? text(options.write) : 'endpoint',
    tagger: text(options.tagger),
    captioner: text(options.captioner),
    threshold: share(options.threshold),
    character_threshold: share(options.characterThreshold),
    exclude: options.exclude === undefined ? undefined : texts(options.exclude),
    length: text(options.length),
    endpoint,
    endpoint_model: text(options.model),
    prompt: text(options.prompt),
  };
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const parsed = captionsSchema.safeParse({ ...preset, ...chosen });
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    'The options do not fit.',
    parsed.error.issues.map((issue) => ({
      file: 'the command line',
      key: issue.path.join('.'),
      message: issueWords(issue),
    })),
    { id: 'spec/not-together', nextSteps: [`visiontrain dataset caption --help`] },
  );
}

const share = (value: unknown) => (text(value) === undefined ? undefined : Number(text(value)));
