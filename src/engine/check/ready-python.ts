/** Finds a Python with which images can be examined: any one that is ready, since nothing is installed for a check. */
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

/** The Python, and folders with further packages; undefined when none is ready. */
export async function readyPython(owner: Owner) {
  const environment = await readyEnvironment(owner);
  if (environment === undefined) return undefined;
  const heif = await findExtra(owner, EXTRAS.heif, environment);
  return { python: environment.python, extras: typeof heif === 'string' ? [heif] : [] };
}

/** The Python named by VISIONTRAIN_PYTHON, else any environment that exists. */
async function readyEnvironment({ places, env, signal }: Owner): Promise<PythonEnvironment | undefined> {
  if (env.VISIONTRAIN_PYTHON) return givenEnvironment(env.VISIONTRAIN_PYTHON, env, signal);
  for (const { id } of BUILDS) {
    const found = checkEnvironment(places, requirementsFor(id));
    if (found !== undefined) return found;
  }
  return undefined;
}
