/** Sample prompts from the captions of a folder, as they would be for the answers so far. */
import type { HashedScan } from '../../engine/dataset/hash.ts';
import type { Scan } from '../../engine/dataset/types.ts';
import { planSamples } from '../../engine/plan/samples.ts';
import { captionPrompts, withPrompts } from '../../engine/prepare/caption-prompts.ts';
import type { RunSpec } from '../../spec/schema.ts';
import type { FolderFacts } from '../questions/facts.ts';

/** @param scan images that were read whole, whose content decides which are kept out; of others none is taken for one */
export function promptsOf(scan: Scan | HashedScan): FolderFacts['prompted'] {
  const isRead = scan.images.every((image) => 'sha256' in image);
  const hashed: HashedScan = { ...scan, images: scan.images.map((image) => ({ sha256: image.path, ...image })) };
  const found = (spec: RunSpec) => {
    const share = isRead ? {} : { validation_share: 0 };
    const own = { ...spec, dataset: { ...spec.dataset, ...share } };
    return captionPrompts(planSamples({ spec: own, scan: hashed }), spec);
  };
  let known: { readonly key: string; readonly prompts: readonly string[] } | undefined;
  return (filled) => {
    if (filled.openPrompts !== true) return filled;
    const { dataset, captions, samples, training } = filled.spec;
    // The review asks many times for the same answers.
    const key = JSON.stringify([dataset, captions, samples.prompts, training.seed]);
    if (known?.key !== key) known = { key, prompts: found(filled.spec) };
    return withPrompts(filled, known.prompts);
  };
}
