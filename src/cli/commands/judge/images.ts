/** Finds the images of a run for judging, since their folder may have been moved. */
import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { UsageError } from '../../../base/errors.ts';
import { sha256OfFile } from '../../../base/files/hash.ts';
import { statOf } from '../../../base/files/stat.ts';
import { plural } from '../../../base/text.ts';
import { shellWord } from '../../../base/typed-path.ts';
import type { Plan } from '../../../engine/plan/schema.ts';
import { readPlan } from '../../../engine/runs/read-plan.ts';
import type { RunSummary } from '../../../engine/runs/summary.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import type { Context } from '../../shell/context.ts';
import { moveDataset } from '../shared/move-dataset.ts';

type Image = Plan['data']['images'][number];

/**
 * Updates the folder of the run's images: to `named`, or to the new name of a renamed folder. Images are identified by
 * content.
 * @throws UsageError when they are not found, and the errors of `moveDataset`
 */
export async function settleImages(run: RunSummary, named: string | undefined, context: Context): Promise<void> {
  const { places, out } = context;
  const registry = loadRegistry({ configDir: places.config });
  if (named !== undefined) return moveDataset(run, named, registry);
  const { data } = readPlan(run.dir);
  const gone = data.images.filter(({ path, generated }) => generated === null && !isThere(data.root, path));
  const [first] = gone;
  if (first === undefined) return;
  const found = await renamedTo(data.root, first);
  if (found !== undefined) {
    await moveDataset(run, found, registry);
    out.talk(`The pictures of ${run.name} are in ${found} by now, each the same by its content.`);
    return;
  }
  throw new UsageError(`${plural(gone.length, 'picture')} of ${run.name} cannot be found, among them ${first.path}.`, {
    id: 'dataset/no-folder',
    details: [`The run had them from ${data.root}`],
    nextSteps: [`Say where they are by now:  visiontrain judge ${shellWord(run.name)} --dataset FOLDER`],
  });
}

const isThere = (root: string, path: string) => statOf(resolve(root, path))?.isFile() === true;

/** The folder beside the former one that has this very image at the same relative path. */
async function renamedTo(root: string, { path, sha256 }: Image): Promise<string | undefined> {
  const parent = dirname(root);
  for (const name of foldersIn(parent)) {
    const folder = join(parent, name);
    if (folder === root || !isThere(folder, path)) continue;
    if ((await sha256OfFile(resolve(folder, path))) === sha256) return folder;
  }
  return undefined;
}

function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch {
    return [];
  }
}
