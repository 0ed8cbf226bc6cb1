import type { Places } from '../../base/paths.ts';
import type { StepTools } from '../events/step-tools.ts';
import { checkEnvironment, type PythonEnvironment } from './check.ts';
import { givenEnvironment } from './given.ts';
import { packageRequirements } from './requirements.ts';
import { type SetupProgress, setupEnvironment } from './setup.ts';

/**
 * The Python to train with: the one that VISIONTRAIN_PYTHON names, else our own, which is made now if it is not there.
 */
export async function ensureEnvironment(
  { places, env }: { readonly places: Places; readonly env: NodeJS.ProcessEnv },
  tools: StepTools,
): Promise<PythonEnvironment> {
  if (env.VISIONTRAIN_PYTHON) return givenEnvironment(env.VISIONTRAIN_PYTHON, env);
  const requirements = packageRequirements();
  const ready = checkEnvironment(places, requirements);
  if (ready !== undefined) return ready;
  tools.phase('setting up Python (once)');
  const onProgress = ({ item, done, total, detail }: SetupProgress) =>
    tools.progress({ item, unit: 'packages', done, total, ...(detail === undefined ? {} : { detail }) });
  return setupEnvironment({ places, requirements, env, signal: tools.signal, onProgress });
}
