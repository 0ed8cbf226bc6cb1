import { formatBytes } from '../../../base/text.ts';
import { boxBuild } from '../../../engine/environment/box.ts';
import { buildFacts } from '../../../engine/environment/builds.ts';
import { checkEnvironment } from '../../../engine/environment/check.ts';
import { requirementsFor } from '../../../engine/environment/requirements.ts';
import { thisSystem } from '../../../engine/hardware/system.ts';
import type { Plan } from '../../../engine/plan/schema.ts';
import type { Context } from '../../shell/context.ts';

/** The environment of the supervisor, with the build that was named for this run. */
export const withTorch = (env: NodeJS.ProcessEnv, torch: string | undefined): NodeJS.ProcessEnv =>
  torch === undefined ? env : { ...env, VISIONTRAIN_TORCH: torch };

/**
 * Checks, before anything is made or fetched, whether a build of PyTorch fits the run's device, and returns notes
 * about the choice.
 * @throws EnvironmentError when none does, UsageError for a build that does not exist
 */
export async function fittingBuild(
  { places, env }: Pick<Context, 'places' | 'env'>,
  plan: Plan,
): Promise<{ readonly line: string; readonly notes: readonly string[] }> {
  if (env.VISIONTRAIN_PYTHON) return { line: 'the Python of VISIONTRAIN_PYTHON', notes: [] };
  const box = await boxBuild({ places, env, system: thisSystem(env) }, { device: plan.resources.device });
  const { torch, downloadBytes } = buildFacts(box.build);
  const ready = checkEnvironment(places, requirementsFor(box.build)) !== undefined;
  const state = ready ? 'is ready' : `is made first: about ${formatBytes(downloadBytes)} of downloads`;
  return { line: `torch ${torch} (${box.build}) ${state}`, notes: ready ? [] : box.notes };
}
