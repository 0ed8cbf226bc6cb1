/**
 * Decides everything that a run needs, from its run.yaml, without writing anything. `run`, `--dry-run`, the wizard and
 * the demo share it.
 */

import { resolve } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import type { Places } from '../../base/paths.ts';
import { findAsset, findBase } from '../../registry/catalogue/find.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import { checkInitLora } from '../../registry/checkpoints/lora.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { isMaskFolder } from '../../spec/training/subject-keys.ts';
import { renderSpec } from '../../spec/write.ts';
import { readHistory } from '../captions/edits/history.ts';
import { captionsDir } from '../captions/store.ts';
import { glance } from '../check/glance.ts';
import { checkImagesOf } from '../check/images.ts';
import type { HashedScan } from '../dataset/hash.ts';
import { lackingPackages } from '../environment/given.ts';
import { type Hardware, probeHardware } from '../hardware/probe.ts';
import { runMasks } from '../masks/made.ts';
import { deviceName, extraPackages } from '../plan/device.ts';
import { resolvePlan } from '../plan/resolve.ts';
import { validated, withRecorded } from '../plan/samples.ts';
import type { Plan } from '../plan/schema.ts';
import { withAbsoluteSources } from '../plan/sources.ts';
import { type NeededEntry, resolveBase } from './base.ts';
import { takeWritten } from './captions.ts';
import type { FilledSpec } from './fill.ts';
import { furtherImages, runImages, together } from './images.ts';
import { mergedLoras } from './merged-loras.ts';
import { recipeOf } from './presets.ts';
import { captionNotes, promptedBy } from './prompted.ts';

export interface PrepareInput extends FilledSpec {
  /** Folder that relative paths in the spec start from. */
  readonly dir: string;
  readonly registry: Registry;
  readonly places: Places;
  /** Replaces our folders by the names of the data sets that were unpacked or fetched, in run.yaml. */
  readonly asNamed?: ((spec: RunSpec) => RunSpec) | undefined;
  /** The machine that will train, when it is not this one. */
  readonly hardware?: Hardware | undefined;
  /** The plan of an earlier start of the same run. Its written captions are used and not looked up again. */
  readonly recorded?: Plan;
  /** Whether all captions are those of `recorded`, as in a bundle, whatever captions this machine has. */
  readonly captioned?: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Called with the number of images read so far, for large data sets. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface PreparedRun {
  readonly plan: Plan;
  /** Name of the card or processor that trains. */
  readonly card: string;
  /** The spec with absolute paths, so that it means the same from the run folder. */
  readonly yaml: string;
  readonly warnings: readonly string[];
  /** Sentences about images that will not be used. */
  readonly leftOut: readonly string[];
  readonly needs: readonly NeededEntry[];
  /** Hashes of the images whose captions are written before the training. */
  readonly uncaptioned: readonly string[];
  /** The sample prompts that captions which are still to be written may replace; undefined where a person chose them. */
  readonly openPrompts: readonly string[] | undefined;
  /** All images with the captions in their folders, before any rule is applied. */
  readonly scans: readonly HashedScan[];
}

/**
 * Prepares a run.
 * @throws UsageError, EnvironmentError that say what is wrong with data set, model or machine, before anything is made
 */
export async function prepareRun(input: PrepareInput): Promise<PreparedRun> {
  const { dir, registry, places, env, signal, recorded, asNamed = (given) => given } = input;
  const isModelId = (name: string) => (findBase(registry, name) ?? findAsset(registry, name)) !== undefined;
  const { base, needs, notes } = await resolveBase({ model: input.spec.model, dir, registry, places });
  const ofLora = notesOfLora(input, configsOf(base));
  const merged = await mergedLoras(input.spec.model, dir, signal);
  const [{ scan: hashed, ...images }, hardware] = await Promise.all([
    runImages({ ...input, spec: withAbsoluteSources(input.spec, dir) }),
    input.hardware ?? probeHardware([places.home, places.runs], env),
  ]);
  const filled = input.forImages?.(hashed.images.length) ?? input;
  const given = { ...filled, spec: withAbsoluteSources(filled.spec, dir) };
  const captioned =
    recorded === undefined
      ? await takeWritten(hashed, { settings: given.spec.captions, dir, registry, places })
      : { scan: hashed, pending: [], notes: [], needs: [] };
  const regularisation = together(
    await furtherImages(input, given.spec.dataset.regularisation?.path ?? null),
    images.regularisation,
  );
  const validation = await validationImages(input, captioned.scan, images.validation);
  const { spec, provenance, openPrompts } = promptedBy(given, captioned, { recorded, validation: validation?.scan });
  const masks = await runMasks(hashed, input.spec.dataset.masks, input);
  const { plan: resolved, warnings } = resolvePlan({
    spec,
    usual: recipeOf(spec, registry),
    dir,
    scan: captioned.scan,
    uncaptioned: captioned.pending,
    ...(regularisation === undefined ? {} : { regularisation }),
    ...(validation === undefined ? {} : { validation: validation.scan }),
    ...(masks === undefined ? {} : { masks: masks.masks }),
    model: base,
    merged,
    hardware,
    lacking: await lackingPackages(env, extraPackages(spec), signal),
    cacheDir: places.cache,
    isModelId,
  });
  const plan = recorded === undefined ? resolved : takeRecorded(resolved, input, recorded, hashed);
  return {
    plan,
    card: deviceName(plan.resources, hardware),
    yaml: renderSpec(asNamed(withAbsolutePaths(spec, dir, isModelId)), provenance),
    warnings: [
      ...notes,
      ...ofLora,
      ...hashed.notes,
      ...images.sources,
      ...captionNotes(captioned, openPrompts),
      ...(masks?.notes ?? []),
      ...(regularisation?.notes ?? []),
      ...(validation?.notes ?? []),
      ...warnings,
      ...(await oddities(input, plan, hashed)),
    ],
    leftOut: [...hashed.leftOut, ...(regularisation?.leftOut ?? []), ...(validation?.scan.leftOut ?? [])].map(
      ({ path, problem }) => `${path} ${problem}`,
    ),
    needs: [...needs, ...captioned.needs],
    ...{ uncaptioned: captioned.pending, openPrompts },
    scans: [hashed, ...[regularisation, validation?.scan].filter((scan) => scan !== undefined)],
  };
}

/**
 * Sentences about the LoRA that the run continues from.
 * @throws UsageError when the run cannot start from it
 */
function notesOfLora({ spec, dir }: PrepareInput, configs: string | null): readonly string[] {
  const { init_lora: lora } = spec.training;
  return lora === null ? [] : checkInitLora(resolve(dir, lora), spec, configs);
}

/** Folder of the base's configuration; null when it is not on this machine. */
const configsOf = ({ layout, path, configDir }: Awaited<ReturnType<typeof resolveBase>>['base']) =>
  layout === 'diffusers' ? path : configDir;

/** Sentences about unusual pixels and captions; none for a run that has been started before. */
async function oddities(input: PrepareInput, { data }: Plan, scan: HashedScan): Promise<readonly string[]> {
  const { spec, recorded, registry, places, env, signal } = input;
  if (recorded !== undefined) return [];
  return glance({
    root: scan.root,
    images: checkImagesOf(
      data.images.filter((sample) => !sample.regularisation),
      scan,
    ),
    trigger: spec.dataset.trigger,
    focus: data.masks?.focus === true,
    base: spec.model.base,
    ...{ registry, places, env },
    ...(signal === undefined ? {} : { signal }),
  });
}

/** The plan with the captions that models wrote for this run, and those that were edited before it began or since. */
function takeRecorded(plan: Plan, input: PrepareInput, recorded: Plan, { images }: HashedScan): Plan {
  const { spec, places } = input;
  const store = captionsDir(places);
  const isKept = ({ caption, sha256 }: HashedScan['images'][number]) =>
    input.captioned === true ||
    (caption === null && spec.captions.write !== null) ||
    readHistory(store, sha256) !== undefined;
  return withRecorded(plan, spec, recorded, new Set(images.filter(isKept).map(({ sha256 }) => sha256)));
}

/**
 * The images of `validation.path`, and sentences about those that are not measured; undefined when the spec has none.
 * @throws UsageError where no image is left to measure
 */
async function validationImages(
  input: PrepareInput,
  { images: trained }: HashedScan,
  ofSources: HashedScan | undefined,
) {
  const { validation, training } = input.spec;
  const scan = together(await furtherImages(input, validation.path), ofSources);
  if (scan === undefined) return undefined;
  const { images, notes } = validated(trained, scan.images, training.seed);
  if (images.length === 0)
    throw new UsageError(`${validation.path ?? scan.root} holds no picture to measure the loss on.`, {
      id: 'dataset/empty',
      details: notes,
      nextSteps: ['Put pictures there that are not trained on, or keep some back:  --set validation.path=null'],
    });
  return { scan, notes: [...scan.notes, ...notes] };
}

function withAbsolutePaths(spec: RunSpec, dir: string, isModelId: (name: string) => boolean): RunSpec {
  const { model, dataset, captions, training } = spec;
  const absolute = (path: string) => resolve(dir, path);
  return {
    ...spec,
    dataset: {
      ...dataset,
      path: absolute(dataset.path),
      masks:
        dataset.masks === null || !isMaskFolder(dataset.masks.from)
          ? dataset.masks
          : { ...dataset.masks, from: absolute(dataset.masks.from) },
      regularisation:
        dataset.regularisation === null
          ? null
          : {
              ...dataset.regularisation,
              path: dataset.regularisation.path === null ? null : absolute(dataset.regularisation.path),
            },
    },
    captions: {
      ...captions,
      tagger: isModelId(captions.tagger) ? captions.tagger : absolute(captions.tagger),
      captioner: isModelId(captions.captioner) ? captions.captioner : absolute(captions.captioner),
    },
    model: {
      ...model,
      base: isModelId(model.base) ? model.base : absolute(model.base),
      vae: model.vae === null || isModelId(model.vae) ? model.vae : absolute(model.vae),
      merge_loras: model.merge_loras.map((lora) => ({ ...lora, path: absolute(lora.path) })),
    },
    validation: { ...spec.validation, path: spec.validation.path === null ? null : absolute(spec.validation.path) },
    training: { ...training, init_lora: training.init_lora === null ? null : absolute(training.init_lora) },
  };
}
