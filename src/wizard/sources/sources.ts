/** Reads the wizard's facts on a real machine. */
import { dirname, resolve } from 'node:path';
import { VisiontrainError } from '../../base/errors.ts';
import { homeFolder } from '../../base/home.ts';
import type { Places } from '../../base/paths.ts';
import { neutralise } from '../../base/text.ts';
import { knownBoxes } from '../../engine/boxes/known.ts';
import { captionsDir } from '../../engine/captions/store.ts';
import { type GlanceInput, glance } from '../../engine/check/glance.ts';
import { hashImages } from '../../engine/dataset/hash.ts';
import { scanNotes } from '../../engine/dataset/report.ts';
import { scanDataset } from '../../engine/dataset/scan.ts';
import type { Scan } from '../../engine/dataset/types.ts';
import { probeHardware } from '../../engine/hardware/probe.ts';
import { type Arrangement, arrangementOf } from '../../engine/prepare/arrangement.ts';
import { withEdits } from '../../engine/prepare/captions.ts';
import { tryFill } from '../../engine/prepare/fill.ts';
import { isAccepted } from '../../registry/catalogue/licenses.ts';
import { loadRegistry } from '../../registry/catalogue/load.ts';
import { locateModel } from '../../registry/catalogue/locate.ts';
import type { AnyEntry, Registry } from '../../registry/catalogue/schema.ts';
import { type ModelFacts, readModelFacts } from '../../registry/checkpoints/identify.ts';
import type { Chooser } from '../../spec/schema.ts';
import type { FolderFacts, Machine, ModelState, WizardFacts } from '../questions/facts.ts';
import type { Values } from '../questions/values.ts';
import { commonWord, isUnusual } from './common-word.ts';
import { nearestImages } from './folders.ts';
import { paceReader } from './pace.ts';
import { promptsOf } from './sample-prompts.ts';
import { toldFacts } from './told.ts';

export interface FactsInput {
  readonly env: NodeJS.ProcessEnv;
  readonly places: Places;
  readonly cwd: string;
  readonly draft: string | undefined;
  readonly lastMode: string | undefined;
  readonly file: string;
}

export async function readFacts({ env, places, cwd, draft, lastMode, file }: FactsInput): Promise<WizardFacts> {
  const registry = loadRegistry({ configDir: places.config });
  const hardware = await probeHardware([places.home], env);
  return {
    cwd,
    // Without a home folder this is `~`, so that no path is shortened.
    home: homeFolder(env) ?? '~',
    machine: machineFacts(hardware),
    boxes: knownBoxes(places.config),
    told: await toldFacts(places, env),
    pace: paceReader({ hardware, registry, places, dir: dirname(file) }),
    registry,
    models: new Map(registry.models.map((entry) => [entry.id, modelState(entry, places)])),
    assets: new Map(registry.assets.map((entry) => [entry.id, modelState(entry, places)])),
    folder: undefined,
    nearestImages: await nearestImages(cwd),
    draft,
    lastMode,
    file,
    fill: filler(registry, dirname(file)),
  };
}

function modelState(entry: AnyEntry, places: Places): ModelState {
  const { ready, missing } = locateModel(entry, places);
  const sizes = missing.map(({ bytes }) => bytes);
  const known = sizes.every((bytes) => bytes !== undefined);
  return {
    ready,
    fetchBytes: known ? sizes.reduce((sum, bytes) => sum + (bytes ?? 0), 0) : undefined,
    license: ready || isAccepted(entry, places) ? undefined : entry.license,
  };
}

const GIB = 2 ** 30;

/**
 * Facts about this machine. The memory of cards is in GiB, as their makers count; cards of unknown memory are left
 * out.
 */
function machineFacts({ gpus, cpuCores, memoryBytes, disks }: Awaited<ReturnType<typeof probeHardware>>): Machine {
  return {
    cards: gpus.flatMap(({ index, name, vendor, totalBytes, freeBytes, capability }) =>
      totalBytes === null
        ? []
        : [
            {
              index,
              name: neutralise(name),
              totalGb: totalBytes / GIB,
              freeGb: (freeBytes ?? totalBytes) / GIB,
              device: vendor === 'apple' ? 'mps' : `cuda:${index}`,
              // Ampere (compute capability 8.0) is NVIDIA's first generation with bf16.
              bf16: vendor === 'amd' || Number(capability ?? 0) >= 8,
            },
          ],
    ),
    cpuCores,
    memoryGb: memoryBytes / GIB,
    diskFreeBytes: disks[0]?.freeBytes ?? undefined,
  };
}

function filler(registry: Registry, dir: string): WizardFacts['fill'] {
  const known = new Map<string, ModelFacts | undefined>();
  const factsOf = (base: unknown): ModelFacts | undefined => {
    if (typeof base !== 'string' || registry.models.some(({ id }) => id === base)) return undefined;
    if (!known.has(base))
      known.set(
        base,
        // The VAE for the model may be chosen later, so the file may lack one.
        quietly(() => readModelFacts(resolve(dir, base), { ownVae: true })),
      );
    return known.get(base);
  };
  return (values, claimed: ReadonlyMap<string, Chooser>, images: number | undefined) =>
    tryFill(nested({ version: 1, ...values }), registry, {
      dir,
      facts: factsOf(values['model.base']),
      claimed,
      images,
    });
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Turns dotted keys into nested objects: `{'a.b': 1}` → `{a: {b: 1}}`. */
export function nested(values: Values): Record<string, unknown> {
  const root: Record<string, Record<string, unknown>> = {};
  const top: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(values)) {
    const [section = '', name] = key.split('.');
    if (name === undefined) top[section] = value;
    else root[section] = { ...root[section], [name]: value };
  }
  return { ...top, ...root };
}

/** Longest wait in milliseconds for the check of a folder. The remaining images are read when the run starts. */
const PATIENCE_MS = 10_000;

/** A scan, and the extension of its caption files when that is not .txt. */
type Looked = Scan & Pick<FolderFacts, 'captionExtension'>;

/** The extension of more caption files than there are captions, such as sd-scripts' own `.caption`. */
function otherExtension({ images, otherCaptions }: Scan): string | undefined {
  const [most] = Object.entries(otherCaptions).toSorted((a, b) => b[1] - a[1]);
  const captioned = images.filter(({ caption }) => caption !== null).length;
  return most !== undefined && most[1] > captioned ? most[0] : undefined;
}

/**
 * Reads every image whole, to find damaged ones and duplicates. When that takes too long, only their headers are read.
 */
async function lookAtImages(
  path: string,
  { cache: cacheDir, home }: Pick<Places, 'cache' | 'home'>,
  arranged: Arrangement | undefined,
): Promise<Looked> {
  const others = (arranged?.sources ?? []).filter(({ role }) => role !== 'train');
  const scanWith = (captionExtension: string) =>
    scanDataset(path, {
      ...{ captionExtension, own: [home], cacheDir },
      without: others.map((source) => `${path}/${source.path}`),
      masksAreUsed: (arranged?.masks ?? null) !== null,
    });
  const first = await scanWith('.txt');
  const captionExtension = otherExtension(first);
  const scan = { ...(captionExtension === undefined ? first : await scanWith(captionExtension)), captionExtension };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    const hashed = await hashImages(scan, { cacheDir, signal });
    return { ...scan, ...hashed, images: withEdits(hashed.images, hashed, captionsDir({ home })).images };
  } catch (error) {
    if (!signal.aborted) throw error;
    const later = 'too many to read all of them now: what is cut short, or there twice, is looked for before the start';
    return { ...scan, notes: [...scan.notes, later] };
  }
}

/** What a check of pixels and captions needs in addition to the folder. */
export type LookWith = Pick<GlanceInput, 'places' | 'env' | 'registry'>;

/** Sentences about unusual images, after they were read whole; the base model and the trigger are not chosen yet. */
async function odditiesOf(scan: Scan, look: LookWith): Promise<readonly string[]> {
  const images = scan.images.flatMap((image) => {
    const { path, size, caption, repeats } = image;
    if (!('sha256' in image)) return [];
    const sha256 = String(image.sha256);
    return [{ path, sha256, size, bucket: size, own: caption, caption: caption ?? '', uses: repeats }];
  });
  return glance({ ...look, root: scan.root, images, trigger: '', base: undefined });
}

/**
 * The facts about a folder, or the reason why its images cannot be trained on.
 * @param look given when pixels are to be examined too
 */
export async function readFolder(
  path: string,
  places: Pick<Places, 'cache' | 'home'>,
  look?: LookWith,
): Promise<FolderFacts | string> {
  try {
    const arranged = arrangementOf(path, [places.home]);
    const scan = await lookAtImages(path, places, arranged);
    const { root, images, folders, leftOut, captionExtension } = scan;
    const captions = images.flatMap(({ caption }) => caption ?? []);
    const byArea = images.toSorted((a, b) => a.size[0] * a.size[1] - b.size[0] * b.size[1]);
    return {
      path: root,
      images: images.length + leftOut.length,
      usable: images.length,
      captioned: captions.length,
      folders,
      arranged,
      namedFor: arranged === undefined ? undefined : firstWord(arranged),
      commonWord: captions.length === images.length ? commonWord(captions) : undefined,
      captionExtension,
      smallest: byArea[0]?.size,
      largest: byArea.at(-1)?.size,
      prompted: promptsOf(scan),
      problems: [
        ...leftOut.map(({ path: file, problem }) => `${neutralise(file)} ${neutralise(problem)}: left out`),
        ...scanNotes(scan).map((note) => neutralise(note)),
        ...(look === undefined ? [] : await odditiesOf(scan, look)).map((note) => neutralise(note)),
      ],
    };
  } catch (error) {
    if (error instanceof VisiontrainError)
      return [error.message, ...error.details].map((line) => neutralise(line)).join(' ');
    throw error;
  }
}

/** The unusual word with which all named folders begin: most likely their author's name for the subject. */
function firstWord({ sources }: Arrangement): string | undefined {
  const names = sources.flatMap(({ role, words }) => (role === 'train' && words !== null ? [words] : []));
  const first = new Set(names.map((words) => words.split(/[\s,]+/u)[0] ?? ''));
  const [word = ''] = first;
  return first.size === 1 && isUnusual(word) ? word : undefined;
}

export async function modelProblem(path: string): Promise<string | undefined> {
  try {
    readModelFacts(path);
    return undefined;
  } catch (error) {
    if (error instanceof VisiontrainError)
      return [error.message, ...error.details].map((line) => neutralise(line)).join(' ');
    throw error;
  }
}
