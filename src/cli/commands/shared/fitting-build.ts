import { UsageError } from '../../../base/errors.ts';
import { formatBytes } from '../../../base/text.ts';
import { boxBuild } from '../../../engine/environment/box.ts';
import { buildFacts } from '../../../engine/environment/builds.ts';
import { checkEnvironment } from '../../../engine/environment/check.ts';
import { requirementsFor } from '../../../engine/environment/requirements.ts';
import { thisSystem } from '../../../engine/hardware/system.ts';
import type { Plan } from '../../../engine/plan/schema.ts';
import type { Context } from '../../shell/context.ts';

/**
 * The environment of the supervisor, with the build that was named for this run.
 * @throws UsageError when a Python of the person's own has its build already
 */
export function withTorch(env: NodeJS.ProcessEnv, torch: string | undefined): NodeJS.ProcessEnv {
  if (torch === undefined) return env;
  refuseForGiven(env, ['--torch']);
  return { ...env, VISIONTRAIN_TORCH: torch };
}

/**
 * Refuses options that say how an environment is made when VISIONTRAIN_PYTHON names one, which is never changed.
 * @throws UsageError
 */
export function refuseForGiven(env: NodeJS.ProcessEnv, given: readonly string[]): void {
  const [option] = given;
  if (!env.VISIONTRAIN_PYTHON || option === undefined) return;
  throw new UsageError(`${option} is for an environment that visiontrain makes, but VISIONTRAIN_PYTHON names yours.`, {
    id: 'command/wrong',
    details: [`Nothing is installed into ${env.VISIONTRAIN_PYTHON}: it is used as it is.`],
    nextSteps: [`Leave ${option} out, or let visiontrain make one:  unset VISIONTRAIN_PYTHON`],
  });
}

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
