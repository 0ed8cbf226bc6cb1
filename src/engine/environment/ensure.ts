import type { Places } from '../../base/paths.ts';
import type { StepTools } from '../events/step-tools.ts';
import { thisSystem } from '../hardware/system.ts';
import { type BoxBuild, boxBuild } from './box.ts';
import { checkEnvironment, environmentDir, type PythonEnvironment } from './check.ts';
import { givenEnvironment } from './given.ts';
import { holds, keepProof, proofOf, provenDevice } from './proofs.ts';
import { proveDevice } from './prove.ts';
import { requirementsFor } from './requirements.ts';
import { type SetupProgress, setupEnvironment } from './setup.ts';

export interface Owner {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The Python for training: the one named by VISIONTRAIN_PYTHON, else our own, which is made now if it does not exist.
 * The build is the one for the device, and is proven again when the driver or the cards have changed.
 * @throws EnvironmentError before the first byte when no build fits
 */
export async function ensureEnvironment(
  { places, env }: Owner,
  device: string,
  tools: StepTools,
): Promise<PythonEnvironment> {
  if (env.VISIONTRAIN_PYTHON) return givenEnvironment(env.VISIONTRAIN_PYTHON, env, tools.signal);
  const box = await boxBuild({ places, env, system: thisSystem(env) }, { device });
  const requirements = requirementsFor(box.build);
  const ready = checkEnvironment(places, requirements);
  if (ready !== undefined) {
    const at = { log: `${environmentDir(places, requirements)}.log`, env, signal: tools.signal };
    await proveAnew(ready, box, { ...at, announce: (what) => tools.phase(what) });
    return ready;
  }
  tools.phase(`setting up Python with torch for ${box.build} (once)`);
  for (const text of box.notes) tools.note({ level: 'info', text });
  const onProgress = ({ item, done, total, detail, bytes }: SetupProgress) => {
    tools.progress({ item, unit: 'packages', done, total, ...(detail === undefined ? {} : { detail }) });
    if (bytes !== undefined) tools.progress({ item: 'packages fetched', unit: 'bytes', ...bytes });
  };
  return setupEnvironment({ places, requirements, env, signal: tools.signal, onProgress, box });
}

interface Proving {
  readonly env: NodeJS.ProcessEnv;
  readonly log: string;
  readonly signal: AbortSignal;
  readonly announce: (what: string) => void;
}

/**
 * Proves the device again if driver or cards have changed since the last proof.
 * @throws EnvironmentError with the cure
 */
export async function proveAnew(ready: PythonEnvironment, box: BoxBuild, proving: Proving): Promise<void> {
  const { build } = box;
  const device = provenDevice(build, box);
  if (holds(ready, device, box)) return;
  proving.announce(`checking that ${device} computes: driver or card are new`);
  const { env, log, signal } = proving;
  const checks = await proveDevice({ python: ready.python, env, device, build, log, signal });
  keepProof(ready, proofOf(checks, device, box));
}
