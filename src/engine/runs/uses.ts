/** Which runs still need a model of the registry: those going on, and those that can be resumed. */
import { glanceAtPlan } from '../run-folder/run-files.ts';
import { listRuns } from './list.ts';
import type { RunSummary } from './summary.ts';

/** @param folder where the model's files are: its weights, or what it lends to a checkpoint of the person's own */
export async function runsThatNeed(id: string, folder: string, runs: string): Promise<RunSummary[]> {
  return (await listRuns(runs)).filter(({ state, dir }) => {
    if (state === 'finished') return false;
    const { name, path, config_dir, vae_path } = modelOf(dir);
    return name === id || [path, config_dir, vae_path].some((used) => isInside(used, folder));
  });
}

const isInside = (path: unknown, folder: string) => typeof path === 'string' && `${path}/`.startsWith(`${folder}/`);

/** What a plan says of its model; empty when the plan cannot be read. */
function modelOf(dir: string): Partial<Record<'name' | 'path' | 'config_dir' | 'vae_path', unknown>> {
  return (glanceAtPlan(dir) as { model?: Record<string, unknown> } | undefined)?.model ?? {};
}
