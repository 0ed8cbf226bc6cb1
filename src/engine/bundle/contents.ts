/**
 * Collects the contents of a bundle: what a run was trained with and its results, without facts about this machine.
 */
import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { sha256OfFile, sha256OfText } from '../../base/files/hash.ts';
import { statOf } from '../../base/files/stat.ts';
import { packageRoot, packageVersion } from '../../base/package-root.ts';
import { byCodePoint } from '../../base/text.ts';
import type { Provenance, RunSpec } from '../../spec/schema.ts';
import { renderSpec } from '../../spec/write.ts';
import type { Plan } from '../plan/schema.ts';
import type { RunReport } from '../report/types.ts';
import { BUNDLE_FILES, type BundledFile, type BundleManifest, isInnerPath } from './manifest.ts';
import { bundledPlan, bundledSpec, madeMaskPlace, mergedPlace, placeFinder, startPlace } from './places.ts';
import { sourceBytes, sourceSha256, type ZipSource } from './zip.ts';

/** An image with the caption from its folder, before any rule; null for none. */
export interface CaptionedPath {
  /** Absolute. */
  readonly path: string;
  readonly caption: string | null;
}

export interface BundleInput {
  /** The spec, with absolute paths. */
  readonly spec: RunSpec;
  readonly provenance: Provenance;
  readonly plan: Plan;
  readonly isModelId: (name: string) => boolean;
  readonly report: RunReport;
  /** Facts about what the run really used, from its `active` event. */
  readonly facts: BundleManifest['facts'];
  /** The page of the report. */
  readonly page: string;
  readonly images: readonly CaptionedPath[];
  /** Absolute paths of the LoRA files, the final one first. */
  readonly loras: readonly string[];
  /** The base's licence in words. */
  readonly licence: string;
  readonly withImages: boolean;
}

export interface Bundle {
  readonly manifest: BundleManifest;
  readonly sources: readonly ZipSource[];
}

/**
 * Collects the contents.
 * @throws UsageError when an image cannot be part of a bundle because of its name
 */
export async function composeBundle(input: BundleInput): Promise<Bundle> {
  const { spec, plan, withImages } = input;
  const carried = bundledSpec(spec, input.isModelId);
  const texts: Record<string, string> = {
    [BUNDLE_FILES.spec]: renderSpec(carried, input.provenance),
    [BUNDLE_FILES.plan]: `${JSON.stringify(bundledPlan(plan, spec), null, 1)}\n`,
    [BUNDLE_FILES.report]: input.page,
    [BUNDLE_FILES.lock]: readFileSync(join(packageRoot(), 'trainer', 'requirements', 'requirements.lock'), 'utf8'),
    [BUNDLE_FILES.licence]: input.licence,
  };
  const sources: ZipSource[] = Object.entries(texts).map(([name, text]) => ({ name, bytes: Buffer.from(text) }));
  for (const path of input.loras) sources.push({ name: `${BUNDLE_FILES.lora}/${basename(path)}`, path });
  if (spec.training.init_lora !== null)
    sources.push({ name: startPlace(spec.training.init_lora), path: spec.training.init_lora });
  for (const [i, { path }] of spec.model.merge_loras.entries()) sources.push({ name: mergedPlace(path, i), path });
  sources.push(...captionSources(input), ...madeMasks(input));
  const images = imageSources(input);
  const files = await listed(sources);
  const lora = files.find(({ path }) => path === `${BUNDLE_FILES.lora}/${basename(input.loras[0] ?? '')}`);
  if (lora === undefined) throw new Error('a bundle without a LoRA');
  const imageFiles = await listed(images);
  const about = { manifest: await manifest(input, lora, { files, imageFiles }) };
  const all = [...files, ...(withImages ? imageFiles : [])];
  const sums = all.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join('');
  const more = [
    { name: BUNDLE_FILES.readme, bytes: Buffer.from(readme(about.manifest, input.report)) },
    { name: BUNDLE_FILES.sums, bytes: Buffer.from(sums) },
  ];
  const whole = { ...about.manifest, files: [...files, ...(await listed(more))].toSorted(byPath) };
  const written = { name: BUNDLE_FILES.manifest, bytes: Buffer.from(`${JSON.stringify(whole, null, 1)}\n`) };
  const inside = [written, ...more, ...sources, ...(withImages ? images : [])];
  return { manifest: whole, sources: inside.toSorted((a, b) => byCodePoint(a.name, b.name)) };
}

const byPath = (a: BundledFile, b: BundledFile) => byCodePoint(a.path, b.path);

/**
 * Captions as files named after the whole file name of their image, `fox.png.txt`, so that no two images share one.
 */
function captionSources({ spec, images }: BundleInput): ZipSource[] {
  const place = placeFinder(spec);
  return images.flatMap(({ path, caption }) =>
    caption === null
      ? []
      : [{ name: namedPlace(place, path) + spec.dataset.caption_extension, bytes: Buffer.from(`${caption}\n`) }],
  );
}

/** Each image and mask of the training, once. */
function imageSources({ spec, plan }: BundleInput): ZipSource[] {
  const place = placeFinder(spec);
  const isMade = spec.dataset.masks?.from === 'made';
  const there = plan.data.images.filter(({ generated }) => generated === null);
  const paths = there.flatMap(({ path, mask }) => [
    resolve(plan.data.root, path),
    ...(mask === null || isMade ? [] : [resolve(plan.data.root, mask.path)]),
  ]);
  return [...new Set(paths)].toSorted(byCodePoint).map((path) => ({ name: namedPlace(place, path), path }));
}

/**
 * Masks that models made. They are in no folder of the person, so they are in the bundle whether the images are or
 * not.
 */
function madeMasks({ spec, plan }: BundleInput): ZipSource[] {
  if (spec.dataset.masks?.from !== 'made') return [];
  const made = new Map<string, string>();
  for (const { path, mask, generated } of plan.data.images) {
    if (mask === null || generated !== null) continue;
    const name = madeMaskPlace(spec, resolve(plan.data.root, path));
    if ((made.get(name) ?? mask.path) !== mask.path)
      throw new UsageError(`Two pictures would have the mask ${name} in a bundle.`, {
        id: 'bundle/name',
        nextSteps: ['Give pictures that differ in their ending alone other names, and train again.'],
      });
    made.set(name, mask.path);
  }
  return [...made].map(([name, path]) => ({ name: checked(name, path), path }));
}

export function namedPlace(place: (path: string) => string | undefined, path: string): string {
  return checked(place(path), path);
}

function checked(name: string | undefined, path: string): string {
  if (name !== undefined && isInnerPath(name)) return name;
  throw new UsageError(`${path} cannot be in a bundle: other programs could not unpack a file of this name.`, {
    id: 'bundle/name',
    nextSteps: ['Give the picture a name without backslashes and control characters, and train again.'],
  });
}

async function listed(sources: readonly ZipSource[]): Promise<BundledFile[]> {
  const files: BundledFile[] = [];
  for (const source of sources)
    files.push({ path: source.name, bytes: sourceBytes(source), sha256: await sourceSha256(source) });
  return files.toSorted(byPath);
}

interface Listed {
  readonly files: readonly BundledFile[];
  readonly imageFiles: readonly BundledFile[];
}

async function manifest(input: BundleInput, lora: BundledFile, { files, imageFiles }: Listed): Promise<BundleManifest> {
  const { spec, plan, isModelId } = input;
  const own = async (path: string) => (statOf(path)?.isFile() === true ? await sha256OfFile(path) : null);
  const isListed = isModelId(spec.model.base);
  const vae = spec.model.vae === null || isModelId(spec.model.vae) ? null : spec.model.vae;
  return {
    visiontrain_bundle: 2,
    name: plan.name,
    made_by: `visiontrain ${packageVersion()}`,
    spec_sha256: plan.spec_sha256,
    lora,
    base: {
      name: plan.model.name,
      family: plan.model.family,
      listed: isListed,
      sha256: isListed ? plan.model.sha256 : await own(plan.model.path),
      licence: input.licence.split('\n')[0] ?? '',
    },
    vae: vae === null ? null : { name: basename(vae), sha256: (await own(vae)) ?? sha256OfText('') },
    facts: input.facts,
    images: { inside: input.withImages, files: [...imageFiles] },
    files: [...files],
  };
}

function readme({ name, base, lora, images }: BundleManifest, report: RunReport): string {
  return [
    `${name}: a LoRA, and all that is needed to train it again`,
    '',
    `  ${lora.path}   the LoRA, SHA-256 ${lora.sha256}`,
    `  ${BUNDLE_FILES.report}   what came out, for any browser`,
    `  ${BUNDLE_FILES.spec}   every setting, with who chose it`,
    `  ${BUNDLE_FILES.licence}   the licence of the base model, ${base.name}, which binds who uses the LoRA too`,
    '',
    'Train it again, to the same bytes on a machine of the same kind:',
    '',
    images.inside
      ? '  visiontrain run THIS.zip'
      : `  visiontrain run THIS.zip --pictures FOLDER     the ${images.files.length} pictures are found in it by their hashes`,
    '',
    report.verdict.title,
    '',
  ].join('\n');
}
