import { EnvironmentError } from '../errors.ts';
import type { Places } from '../paths.ts';
import type { StepTools } from '../runs/supervisor.ts';

export interface EnsureInput extends StepTools {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
}

/** The Python to train with. */
export async function ensureEnvironment({ env }: EnsureInput): Promise<{ readonly python: string }> {
  if (env.VISIONTRAIN_PYTHON) return { python: env.VISIONTRAIN_PYTHON };
  throw new EnvironmentError('The Python environment is not set up.', { nextSteps: ['visiontrain setup'] });
}
