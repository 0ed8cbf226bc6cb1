import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DownloadError } from '../../base/errors.ts';
import type { Places } from '../../base/paths.ts';
import { loadRegistry } from '../../registry/catalogue/load.ts';
import { checkModelRoom, fetchModel } from '../../registry/fetch/fetch-model.ts';
import type { StepTools } from '../events/step-tools.ts';
import type { Plan } from '../plan/schema.ts';
import { resolveBase } from '../prepare/base.ts';
import { loadSpec } from '../prepare/load.ts';
import { RUN_FILES } from '../run-folder/layout.ts';

export interface ModelStepInput {
  readonly dir: string;
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Makes sure that all files of the run's base model and VAE are there, and fetches what is missing. The model is read
 * from the run's own run.yaml, so that it is the same after a resume or on another machine.
 * @throws DownloadError, or EnvironmentError when the disk has no room for all files
 */
export async function fetchRunModel(plan: Plan, { dir, places, env }: ModelStepInput, tools: StepTools): Promise<void> {
  const registry = loadRegistry({ configDir: places.config });
  const { spec } = loadSpec(join(dir, RUN_FILES.spec), { registry });
  const { needs } = await resolveBase({ model: spec.model, dir, registry, places });
  checkModelRoom(needs, { places, env });
  for (const { entry, companionsOnly } of needs) {
    tools.phase(entry.title);
    const { signal } = tools;
    await fetchModel(entry, { places, env, signal, companionsOnly, onProgress: tools.progress });
  }
  requireFiles(plan);
  // Fetched files get the same checks as files that were here before the start.
  if (needs.length > 0) await resolveBase({ model: spec.model, dir, registry, places });
}

/** Checks that the paths in the plan exist, since the trainer opens those, whatever `resolveBase` has just found. */
function requireFiles({ model }: Plan): void {
  const wanted = [model.path, model.config_dir, model.vae_path].filter((path) => path !== null);
  const missing = wanted.filter((path) => !existsSync(path));
  if (missing.length === 0) return;
  throw new DownloadError(`The files of ${model.name} are not where the plan has them.`, {
    id: 'model/incomplete',
    details: missing,
    nextSteps: [`visiontrain models pull ${model.name}`, 'Or start a new run, which looks for them anew.'],
  });
}
