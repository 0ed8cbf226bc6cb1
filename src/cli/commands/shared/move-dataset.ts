import { join, relative, resolve } from 'node:path';
import { UsageError } from '../../../base/errors.ts';
import { writeFileAtomic } from '../../../base/files/atomic.ts';
import { sha256OfFile } from '../../../base/files/hash.ts';
import { statOf } from '../../../base/files/stat.ts';
import { plural } from '../../../base/text.ts';
import { shellWord, typedPath } from '../../../base/typed-path.ts';
import type { Plan } from '../../../engine/plan/schema.ts';
import { loadSpec } from '../../../engine/prepare/load.ts';
import { RUN_FILES } from '../../../engine/run-folder/layout.ts';
import type { RunRef } from '../../../engine/runs/create.ts';
import { readPlan } from '../../../engine/runs/read-plan.ts';
import { refuseForeignFolder } from '../../../engine/runs/trust.ts';
import type { Registry } from '../../../registry/catalogue/schema.ts';
import { renderSpec } from '../../../spec/write.ts';

const MOST_NAMED = 10;

/**
 * Changes the folder of a run's images. All images of its plan must be there under the same names and with the same
 * content, so that the run continues to the same bytes. Captions are part of the plan itself.
 * @throws UsageError that names the images that differ; then nothing is changed
 */
export async function moveDataset({ dir, name }: RunRef, folder: string, registry: Registry): Promise<void> {
  refuseForeignFolder(dir);
  const root = typedPath(folder, '.');
  if (statOf(root)?.isDirectory() !== true)
    throw new UsageError(`${folder} is no folder.`, { id: 'dataset/no-folder' });
  const plan = readPlan(dir);
  const spec = join(dir, RUN_FILES.spec);
  const loaded = loadSpec(spec, { registry });
  const wrong = await otherImages(plan, root);
  if (wrong.length > 0) {
    const more = wrong.length - MOST_NAMED;
    const count = plural(wrong.length, 'picture');
    throw new UsageError(
      `${root} is not the data set that ${name} was planned with: ${count} of ${plan.data.images.length} differ.`,
      {
        id: 'dataset/changed',
        details: [...wrong.slice(0, MOST_NAMED), ...(more > 0 ? [`and ${more} more`] : [])],
        nextSteps: [
          `Train on what is there in a new run:  visiontrain run ${shellWord(spec)} --set ${shellWord(`dataset.path=${root}`)}`,
        ],
      },
    );
  }
  const { spec: then, provenance } = loaded;
  // A source inside the data set moves with it.
  const sources = then.dataset.sources.map((source) => {
    const inside = relative(then.dataset.path, source.path);
    return inside.startsWith('..') ? source : { ...source, path: resolve(root, inside) };
  });
  writeFileAtomic(spec, renderSpec({ ...then, dataset: { ...then.dataset, path: root, sources } }, provenance));
  const moved: Plan = { ...plan, data: { ...plan.data, root } };
  writeFileAtomic(join(dir, RUN_FILES.plan), `${JSON.stringify(moved, null, 1)}\n`);
}

/** A line for each image of the plan that is missing in the folder or differs there. */
async function otherImages({ data }: Plan, root: string): Promise<string[]> {
  const wrong: string[] = [];
  const hashes = new Map<string, string>();
  for (const { path, sha256, generated } of data.images) {
    // Images that the base model draws are in no data set.
    if (generated !== null) continue;
    const file = resolve(root, path);
    if (statOf(file)?.isFile() !== true) wrong.push(`${path} is not there`);
    else {
      const found = hashes.get(path) ?? (await sha256OfFile(file));
      hashes.set(path, found);
      if (found !== sha256) wrong.push(`${path} is another picture`);
    }
  }
  return wrong;
}
