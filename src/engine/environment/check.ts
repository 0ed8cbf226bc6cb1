import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Places } from '../../base/paths.ts';
import type { Proof } from './prove.ts';
import { environmentKey, type Requirements } from './requirements.ts';
import { venvPython } from './tools/installer.ts';

export interface PythonEnvironment {
  /** Path of the interpreter. */
  readonly python: string;
  readonly python_version: string;
  /** Version of torch with the suffix of its build, e.g. `2.13.0+cpu`. */
  readonly torch: string;
  /** `own` was made by setup; `given` is the one named by VISIONTRAIN_PYTHON. */
  readonly kind: 'own' | 'given';
  /** Folders with further packages, for PYTHONPATH. */
  readonly extras?: readonly string[];
  /** What was proven, and on which driver and card; only our own environments have proofs. */
  readonly proofs?: readonly Proof[];
}

/** The file that is written last. An environment without it is incomplete and is made again. */
export interface Stamp {
  readonly key: string;
  /** Real path of the interpreter from which the environment was made. */
  readonly base: string;
  readonly python_version: string;
  readonly torch: string;
  readonly installer: 'pip' | 'uv';
  readonly packages: number;
  /** Seconds since 1970. */
  readonly made_at: number;
  /** What was proven on which driver and card; older environments lack it. */
  readonly proofs?: readonly Proof[];
}

export const STAMP = 'visiontrain.json';

export const environmentDir = ({ envs }: Places, requirements: Requirements): string =>
  join(envs, environmentKey(requirements));

/**
 * The private environment, if it is complete and still fits; undefined when it has to be made. It reads three small
 * files and starts no process. It notices when a system update removes or replaces the underlying Python.
 */
export function checkEnvironment(places: Places, requirements: Requirements): PythonEnvironment | undefined {
  const dir = environmentDir(places, requirements);
  const python = venvPython(dir);
  try {
    const stamp = JSON.parse(readFileSync(join(dir, STAMP), 'utf8')) as Stamp;
    if (stamp.key !== environmentKey(requirements) || realpathSync(python) !== stamp.base) return undefined;
    if (!configuredVersion(dir).startsWith(stamp.python_version)) return undefined;
    const { python_version, torch, proofs = [] } = stamp;
    return { python, python_version, torch, kind: 'own', proofs };
  } catch {
    return undefined;
  }
}

/** Version in the environment's configuration: venv writes `version = 3.11.2`, uv `version_info = 3.11.2`. */
function configuredVersion(dir: string): string {
  const text = readFileSync(join(dir, 'pyvenv.cfg'), 'utf8');
  return /^version(?:_info)?\s*=\s*(\S+)/m.exec(text)?.[1] ?? '';
}
