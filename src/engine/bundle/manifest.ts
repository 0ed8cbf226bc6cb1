/** The parts of a bundle: their names, and `bundle.json`, which lists every file with its hash. */
import { z } from 'zod';
import { RUN_NAME } from '../../spec/schema.ts';

/** Names at the top of a bundle. */
export const BUNDLE_FILES = {
  manifest: 'bundle.json',
  spec: 'run.yaml',
  plan: 'plan.json',
  report: 'report.html',
  lock: 'requirements.lock',
  licence: 'LICENCE-OF-THE-BASE.txt',
  readme: 'README.txt',
  sums: 'SHA256SUMS',
  lora: 'lora',
} as const;

/**
 * Folders of a bundle for files that a run reads. Folders outside of the data set keep their names, which may be in
 * metadata.
 */
export const DATA_FOLDERS = {
  images: 'images',
  sources: 'sources',
  regularisation: 'regularisation',
  validation: 'validation',
  masks: 'masks',
  start: 'start',
} as const;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** A path inside a bundle that every unpacking program understands: no `..`, no empty part, no control characters. */
const innerPath = z
  .string()
  .min(1)
  .max(1024)
  .refine(
    (path) =>
      !/[\\\p{Cc}\p{Zl}\p{Zp}]|^[A-Za-z]:/u.test(path) &&
      path.split('/').every((part) => !['', '.', '..'].includes(part)),
    'is no path inside a bundle',
  );
const file = z.strictObject({ path: innerPath, bytes: z.number().int().min(0), sha256 });

/** Most files, and most images, that a bundle may list. */
const MOST_FILES = 200_000;

const manifest = z.strictObject({
  visiontrain_bundle: z.literal(2),
  /** Name of the run. */
  name: z.string().regex(RUN_NAME),
  made_by: z.string(),
  spec_sha256: sha256,
  /** The final LoRA. */
  lora: file,
  base: z.strictObject({
    /** Id in the registry, or the name of a file of the person's own. */
    name: z.string().max(4096),
    family: z.string(),
    listed: z.boolean(),
    /** Null for a folder of several files. */
    sha256: sha256.nullable(),
    licence: z.string(),
  }),
  /** A VAE that is in no registry; null for the base model's own VAE, or one of the registry. */
  vae: z.strictObject({ name: z.string().max(4096), sha256 }).nullable(),
  /** Facts about what the run really used. They decide whether another machine gives the same bytes. */
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  /** Images and masks of the training: inside the bundle, or to be found in a folder by their hashes. */
  images: z.strictObject({ inside: z.boolean(), files: z.array(file).max(MOST_FILES) }),
  /** Every other file except bundle.json itself. */
  files: z.array(file).max(MOST_FILES),
});

/** The schema of `bundle.json`. Version 1, which calls the `images` `pictures`, is read as well. */
export const bundleSchema = z.preprocess((value) => {
  if (typeof value !== 'object' || value === null || !('visiontrain_bundle' in value)) return value;
  if (value.visiontrain_bundle !== 1 || !('pictures' in value)) return value;
  const { pictures: images, ...rest } = value;
  return { ...rest, visiontrain_bundle: 2, images };
}, manifest);

export type BundleManifest = z.output<typeof bundleSchema>;
export type BundledFile = z.output<typeof file>;

/** Whether a path may be used in a bundle. */
export const isInnerPath = (path: string): boolean => innerPath.safeParse(path).success;
