import { EnvironmentError } from '../../../base/errors.ts';
import { BUILDS } from '../../../engine/environment/builds.ts';
import { checkEnvironment } from '../../../engine/environment/check.ts';
import { givenEnvironment } from '../../../engine/environment/given.ts';
import { requirementsFor } from '../../../engine/environment/requirements.ts';
import type { Context } from '../../shell/context.ts';

/**
 * Any ready Python of ours, whatever card it was made for: for work that uses no card.
 * @throws EnvironmentError when there is none
 */
export async function anyPython({ env, places }: Pick<Context, 'env' | 'places'>): Promise<string> {
  if (env.VISIONTRAIN_PYTHON) return (await givenEnvironment(env.VISIONTRAIN_PYTHON, env)).python;
  for (const { id } of BUILDS) {
    const ready = checkEnvironment(places, requirementsFor(id));
    if (ready !== undefined) return ready.python;
  }
  throw new EnvironmentError('The Python that writes the file is not set up on this machine.', {
    id: 'environment/setup',
    nextSteps: ['visiontrain setup'],
  });
}
