/** The Python that images are looked at with: whichever is ready, since nothing is installed for a look. */
import type { Places } from '../../base/paths.ts';
import { BUILDS } from '../environment/builds.ts';
import { checkEnvironment, type PythonEnvironment } from '../environment/check.ts';
import { EXTRAS, findExtra } from '../environment/extras.ts';
import { givenEnvironment } from '../environment/given.ts';
import { requirementsFor } from '../environment/requirements.ts';

interface Owner {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** That Python, and folders with packages beside its own; undefined where none is ready. */
export async function readyPython(owner: Owner) {
  const environment = await readyEnvironment(owner);
  if (environment === undefined) return undefined;
  const heif = await findExtra(owner, EXTRAS.heif, environment);
  return { python: environment.python, extras: typeof heif === 'string' ? [heif] : [] };
}

/** The one that VISIONTRAIN_PYTHON names, else any environment that is made. */
async function readyEnvironment({ places, env, signal }: Owner): Promise<PythonEnvironment | undefined> {
  if (env.VISIONTRAIN_PYTHON) return givenEnvironment(env.VISIONTRAIN_PYTHON, env, signal);
  for (const { id } of BUILDS) {
    const found = checkEnvironment(places, requirementsFor(id));
    if (found !== undefined) return found;
  }
  return undefined;
}
