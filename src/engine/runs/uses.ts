/** Finds the runs that still need a model of the registry: live runs, and those that can be resumed. */
import { join } from 'node:path';
import { readGiven } from '../../base/files/given-file.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { listRuns } from './list.ts';
import type { RunSummary } from './summary.ts';

/** Most bytes of a plan, which lists every image. */
const MOST = 512 << 20;

/** @param folder the folder of the model's files: its weights, or what it lends to a checkpoint of the person's own */
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
  try {
    const plan: unknown = JSON.parse(readGiven(join(dir, RUN_FILES.plan), MOST).toString('utf8'));
    return (plan as { model?: Record<string, unknown> } | null)?.model ?? {};
  } catch {
    return {};
  }
}
