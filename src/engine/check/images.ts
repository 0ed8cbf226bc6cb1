/** The images of a check, as a run with these settings would train on them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Places } from '../../base/paths.ts';
import { findBase } from '../../registry/catalogue/find.ts';
import { locateModel } from '../../registry/catalogue/locate.ts';
import type { ModelEntry, Registry } from '../../registry/catalogue/schema.ts';
import type { RunSpec } from '../../spec/schema.ts';
import type { HashedScan } from '../dataset/hash.ts';
import type { MaskFile } from '../dataset/masks.ts';
import { planSamples } from '../plan/samples.ts';
import type { PlanImage } from '../plan/schema.ts';
import type { CheckImage } from './finding.ts';

interface Beside {
  /** The images that are only measured on. */
  readonly validation?: HashedScan | undefined;
  /** Masks by the path of their image. */
  readonly masks?: ReadonlyMap<string, MaskFile> | undefined;
}

/** The images of a scan, and of one for validation only, with bucket and whole caption. */
export function imagesOf(scan: HashedScan, spec: RunSpec, { validation, masks }: Beside = {}): readonly CheckImage[] {
  const beside = { ...(validation && { validation }), ...(masks && { masks }) };
  return checkImagesOf(planSamples({ spec, scan, ...beside }), scan);
}

/**
 * The images of a plan. Their own captions come from the scan; an image that is not in the scan has the planned one.
 */
export function checkImagesOf(samples: readonly PlanImage[], scan: HashedScan): readonly CheckImage[] {
  const own = new Map(scan.images.map(({ path, caption }) => [path, caption]));
  // With several resolutions the plan has an image once for each; the first of them is the largest.
  const once = new Map(samples.toReversed().map((sample) => [sample.path, sample]));
  const each = samples.filter((sample) => once.get(sample.path) === sample);
  return each.map(({ path, sha256, size, bucket, caption, repeats, validation, mask }) => ({
    ...{ path, sha256, size, bucket, caption, mask, held: validation },
    own: own.has(path) ? (own.get(path) ?? null) : caption,
    uses: repeats,
  }));
}

/**
 * Folder of the tokenizer for the base model's captions; null when none is on this machine. All models of both
 * families use the same vocabulary, so another model's tokenizer serves as well; the embedded model has its own.
 */
export function tokenizerFolder(base: string, registry: Registry, places: Places): string | null {
  const entry = findBase(registry, base);
  if (entry?.embedded !== undefined) return tokenizerOf(entry, places) ?? null;
  const others = registry.models.filter(({ embedded }) => embedded === undefined);
  for (const one of [...(entry === undefined ? [] : [entry]), ...others]) {
    const found = tokenizerOf(one, places);
    if (found !== undefined) return found;
  }
  return null;
}

function tokenizerOf(entry: ModelEntry, places: Places): string | undefined {
  const { configDir, path } = locateModel(entry, places);
  const folder = join(configDir ?? path, 'tokenizer');
  const isWhole = (names: readonly string[]) => names.every((name) => existsSync(join(folder, name)));
  return isWhole(['tokenizer.json']) || isWhole(['vocab.json', 'merges.txt']) ? folder : undefined;
}
