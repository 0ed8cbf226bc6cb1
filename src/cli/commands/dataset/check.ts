import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { EXIT, UsageError } from '../../../base/errors.ts';
import { plural } from '../../../base/text.ts';
import { typedPath } from '../../../base/typed-path.ts';
import { type Checked, checkImages } from '../../../engine/check/check.ts';
import type { CheckImage } from '../../../engine/check/finding.ts';
import { imagesOf, tokenizerFolder } from '../../../engine/check/images.ts';
import { findingLines } from '../../../engine/check/report.ts';
import { type HashedScan, hashImages } from '../../../engine/dataset/hash.ts';
import { datasetReport, reportLines } from '../../../engine/dataset/report.ts';
import { type ScanOptions, scanDataset } from '../../../engine/dataset/scan.ts';
import { maskFinders, masksDir, runMasks } from '../../../engine/masks/made.ts';
import { withAbsoluteSources } from '../../../engine/plan/sources.ts';
import { type Arrangement, arrangementLines, arrangementOf } from '../../../engine/prepare/arrangement.ts';
import { takeWritten } from '../../../engine/prepare/captions.ts';
import { furtherImages, runImages, together } from '../../../engine/prepare/images.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import type { RunSpec } from '../../../spec/schema.ts';
import { captionSources } from '../../../spec/sections/choices.ts';
import { largestSide } from '../../../spec/sections/resolution.ts';
import { masksSchema } from '../../../spec/training/subject-keys.ts';
import { hanging, width } from '../../../terminal/columns.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { type Options, text, texts } from '../shared/options.ts';
import { namedFolder, withFolders } from '../shared/steps/brought.ts';
import { stepProgress } from '../shared/steps/step-progress.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import { checkSettings } from './check-settings.ts';
import { findsOf } from './finds.ts';
import { sheetFile, writeSheet } from './sheet.ts';

/**
 * Carries out `dataset check DIR`: shows the contents of a folder, what would not be used, and what is unusual. It
 * changes nothing.
 */
export const run: CommandRun = async ([named = '.'], options, context) => {
  const { out, flags } = context;
  const folder = await namedFolder(named, context);
  const { spec: given, dir } = checkSettings(folder, options, context);
  const { spec: brought } = await withFolders({ spec: given, provenance: {}, dir }, context);
  const spec = withAbsoluteSources(brought, dir);
  const { scan, sources, validation } = await gathered(folder, { options, spec, dir }, context);
  const html = text(options.html);
  // A wrong place for the sheet is reported before the images are examined.
  if (html !== undefined) sheetFile(html, scan.root);
  // A run.yaml describes itself how its folder is arranged.
  const arranged = options.from === undefined ? arrangementOf(scan.root, [context.places.home]) : undefined;
  const masks = await masksOf(scan, maskSettings({ options, spec }, scan.root, arranged), { dir, context });
  const images = imagesOf(scan, spec, { validation, masks }).map((image) => ({
    ...image,
    held: image.held === true || isHeld(image.path, arranged),
  }));
  const checked = await look(scan.root, images, spec, context);
  const report = datasetReport(scan);
  const parts = arranged === undefined ? [] : arrangementLines(arranged);
  if (html !== undefined)
    writeSheet(html, { scan, images, checked, masks: madeMasksDir(options, spec, context) }, context);
  const { findings, unseen, reason } = checked;
  const about = {
    base: spec.model.base,
    resolution: largestSide(spec.dataset.resolution),
    unseen,
    reason: reason ?? null,
  };
  if (flags.json) out.json({ ...report, sources, parts, findings, ...about });
  else {
    const lines = reportLines(report);
    // Folders such as 10_fox are shown once.
    const told = [
      ...lines.slice(0, -1).filter((line) => !parts.includes(line.trim())),
      ...sources.map((line) => `  source ${line}`),
      ...(parts.length > 0 ? ['  arranged in parts, which visiontrain new makes sources of:'] : []),
      ...parts.map((line) => `    ${line}`),
      ...findingLines(checked),
      ...lines.slice(-1),
    ];
    out.data(...told.flatMap((line) => fitted(line, out.width)));
  }
  return EXIT.ok;
};

/** A line as a terminal of this width shows it, broken between words; unchanged where there is none. */
const fitted = (line: string, cells: number | undefined): readonly string[] =>
  cells === undefined || width(line) < cells ? [line] : hanging(line, cells - 1).split('\n');

type MaskSettings = RunSpec['dataset']['masks'];

/** The masks that `--find`, the settings or the folder itself are about; null where there are none. */
function maskSettings(
  { options, spec }: Pick<Settings, 'options' | 'spec'>,
  root: string,
  arranged: Arrangement | undefined,
): MaskSettings {
  const { masks } = spec.dataset;
  if (options.find !== undefined) return masksSchema.parse({ ...masks, from: 'made', find: findsOf(options) });
  if (masks !== null || arranged === undefined || arranged.masks === null) return masks;
  return masksSchema.parse({ from: arranged.masks === 'auto' ? 'auto' : join(root, arranged.masks) });
}

/** Masks by the path of their image; undefined where there are none, which a run would say. */
async function masksOf(scan: HashedScan, masks: MaskSettings, of: { readonly dir: string; readonly context: Context }) {
  const { places } = of.context;
  try {
    const registry = loadRegistry({ configDir: places.config });
    return (await runMasks(scan, masks, { registry, places, dir: of.dir }))?.masks;
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

/** Folder of the masks that `--find` or the settings mean; undefined for none. */
function madeMasksDir(options: Options, { dataset: { masks } }: RunSpec, { places }: Context): string | undefined {
  const finds = options.find !== undefined ? findsOf(options) : masks?.from === 'made' ? masks.find : undefined;
  if (finds === undefined) return undefined;
  return masksDir(places, maskFinders(finds, { registry: loadRegistry({ configDir: places.config }), places }));
}

/** Whether an image lies in a folder that the wizard would use for validation. */
const isHeld = (path: string, arranged: Arrangement | undefined): boolean =>
  (arranged?.sources ?? []).some((source) => source.role === 'validation' && path.startsWith(`${source.path}/`));

interface Settings {
  readonly options: Options;
  readonly spec: RunSpec;
  readonly dir: string;
}

/** The images that a run with these settings would train on, and a line about each source. */
async function gathered(folder: string, { options, spec, dir }: Settings, context: Context) {
  const { captionExtension, captionFrom = [], include = [] } = scanOptions(options, spec);
  const dataset = {
    ...spec.dataset,
    path: typedPath(folder, '.'),
    caption_extension: captionExtension,
    caption_from: [...captionFrom],
    include: [...include],
  };
  const { places } = context;
  const found = await runImages({ spec: { ...spec, dataset }, dir, places });
  const held = await furtherImages({ spec, dir, places }, spec.validation.path);
  const registry = loadRegistry({ configDir: places.config });
  const { scan, notes } = await takeWritten(found.scan, { settings: spec.captions, dir, registry, places });
  const validation = together(held, found.validation);
  return { ...found, validation, scan: { ...scan, notes: [...scan.notes, ...notes] } };
}

async function look(root: string, images: readonly CheckImage[], spec: RunSpec, context: Context): Promise<Checked> {
  const { places, env, out, flags } = context;
  const stop = stopSignals('Stopped. What was seen is kept; the same command goes on from there.');
  const progress = stepProgress(context);
  let isAnnounced = false;
  try {
    return await checkImages({
      ...{ root, images, places, env },
      trigger: spec.dataset.trigger,
      focus: spec.dataset.masks?.focus === true,
      tokenizer: tokenizerFolder(spec.model.base, loadRegistry({ configDir: places.config }), places),
      threads: availableParallelism(),
      most: Number.POSITIVE_INFINITY,
      signal: stop.signal,
      onProgress: (done, total) => {
        if (total === 0) return;
        if (!isAnnounced && !flags.json) out.talk(`${plural(total, 'picture')} to look at for the first time.`);
        isAnnounced = true;
        progress.tools.progress({ item: 'look', unit: 'images', done, total });
      },
    });
  } finally {
    progress.end();
    stop.off();
  }
}

type Wanted = Pick<ScanOptions, 'captionExtension' | 'captionFrom' | 'include'>;

/**
 * The options for a scan from `--captions`, `--caption-from` and `--include`, else from the settings.
 * @throws UsageError for a text that cannot be an extension
 */
export function scanOptions(options: Options, spec?: RunSpec): Wanted {
  const captionExtension = text(options.captions) ?? spec?.dataset.caption_extension ?? '.txt';
  if (!/^\.[A-Za-z0-9._-]+$/u.test(captionExtension))
    throw new UsageError(`--captions ${captionExtension} must look like .txt`, { id: 'command/wrong-value' });
  const include = texts(options.include);
  const places = texts(options.captionFrom).flatMap((one) => one.split(','));
  const chosen = captionSources
    .filter((one) => places.includes(one))
    .toSorted((a, b) => places.indexOf(a) - places.indexOf(b));
  if (!places.every((one) => (captionSources as readonly string[]).includes(one)))
    throw new UsageError(`--caption-from ${places.join(',')}: it can be ${captionSources.join(', ')}.`, {
      id: 'command/wrong-value',
    });
  const captionFrom = places.length === 0 ? (spec?.dataset.caption_from ?? []) : chosen;
  return { captionExtension, captionFrom, include: [...(spec?.dataset.include ?? []), ...include] };
}

/** The images of a folder, known to be whole and different from each other. */
export async function inspect(folder: string, wanted: Wanted, context: Context) {
  const { places } = context;
  const named = await namedFolder(folder, context);
  const scan = await scanDataset(typedPath(named, '.'), { ...wanted, own: [places.home], cacheDir: places.cache });
  return hashImages(scan, { cacheDir: places.cache });
}
