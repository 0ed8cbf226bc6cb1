/** Finds the runs that still need a model of the registry: live ones, and those that can be resumed. */
import { glanceAtPlan } from '../run-folder/run-files.ts';
import { listRuns } from './list.ts';
import type { RunSummary } from './summary.ts';

/**
 * The runs that need a model.
 * @param folder folder of the model's files: its weights, or the files that a checkpoint of the person's own borrows
 */
export async function runsThatNeed(id: string, folder: string, runs: string): Promise<RunSummary[]> {
  return (await listRuns(runs)).filter(({ state, dir }) => {
    if (state === 'finished') return false;
    const { name, path, config_dir, vae_path } = modelOf(dir);
    return name === id || [path, config_dir, vae_path].some((used) => isInside(used, folder));
  });
}

const isInside = (path: unknown, folder: string) => typeof path === 'string' && `${path}/`.startsWith(`${folder}/`);

/** The model in a plan; empty when the plan cannot be read. */
function modelOf(dir: string): Partial<Record<'name' | 'path' | 'config_dir' | 'vae_path', unknown>> {
  return (glanceAtPlan(dir) as { model?: Record<string, unknown> } | undefined)?.model ?? {};
}
