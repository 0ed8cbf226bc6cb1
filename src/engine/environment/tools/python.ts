import { EnvironmentError } from '../../../base/errors.ts';
import { askTool } from '../../hardware/ask-tool.ts';

export interface Python {
  /** Absolute path of the interpreter. */
  readonly path: string;
  readonly version: string;
}

interface Probe extends Python {
  readonly bits: number;
  readonly venv: boolean;
  readonly ensurepip: boolean;
}

const LEAST: readonly [number, number] = [3, 10];
const NEWEST: readonly [number, number] = [3, 14];
/**
 * Names of Python, in the order of search. `python3` comes first, because the person's own pip settings and wheels are
 * for it.
 */
const NAMES = ['python3', 'python3.13', 'python3.12', 'python3.14', 'python3.11', 'python3.10', 'python'];

const PROBE = `
import importlib.util as u, json, struct, sys
print(json.dumps({"path": sys.executable, "version": ".".join(map(str, sys.version_info[:3])),
  "bits": struct.calcsize("P") * 8, "venv": u.find_spec("venv") is not None,
  "ensurepip": u.find_spec("ensurepip") is not None}))`;

export interface WantedPython {
  /** Whether it has to make environments itself. */
  readonly needsVenv: boolean;
  /** Newest minor version of Python 3 that fits. */
  readonly newest?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds a Python from which an environment can be made. With uv the venv module is not needed.
 * @throws EnvironmentError with a sentence for each case: no Python, only too old ones (or too new for the lock), no
 *   venv module
 */
export async function findPython(env: NodeJS.ProcessEnv, wanted: WantedPython): Promise<Python> {
  const { needsVenv, newest = NEWEST[1], signal } = wanted;
  const found = (await Promise.all(NAMES.map((name) => probe(name, env, signal)))).filter((each) => each !== undefined);
  const fits = found.filter((python) => isSupported(python, newest));
  const usable = fits.find((python) => !needsVenv || (python.venv && python.ensurepip));
  if (usable !== undefined) return { path: usable.path, version: usable.version };
  const [incomplete] = fits;
  if (incomplete !== undefined) throw withoutVenv(incomplete);
  throw unsupported(found, newest);
}

async function probe(
  name: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<Probe | undefined> {
  const clean = { ...env, PYTHONPATH: undefined, PYTHONHOME: undefined };
  // A name may exist without running (pyenv's shims, the placeholders of macOS and Windows). Such a name is skipped.
  const answer = await askTool({ name, args: ['-I', '-c', PROBE], env: clean, patienceMs: 20_000, signal });
  if (answer.kind !== 'answered') return undefined;
  try {
    return JSON.parse(answer.text) as Probe;
  } catch {
    return undefined;
  }
}

function isSupported({ version, bits }: Probe, newest: number): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return bits === 64 && major === 3 && minor >= LEAST[1] && minor <= newest;
}

const install = [
  'Debian, Ubuntu:  sudo apt install python3 python3-venv',
  'Fedora:          sudo dnf install python3',
  'macOS:           brew install python',
];

function unsupported(found: readonly Probe[], newest: number): EnvironmentError {
  if (found.length === 0)
    return new EnvironmentError('There is no Python on this machine; training needs Python 3.10 or newer.', {
      id: 'environment/no-python',
      nextSteps: [...install, 'Or name one that holds PyTorch and diffusers: VISIONTRAIN_PYTHON=/path/to/python'],
    });
  const versions = [...new Set(found.map((p) => `${p.version}${p.bits === 64 ? '' : ` (${p.bits} bit)`}`))].join(', ');
  return new EnvironmentError(`Training needs a 64-bit Python 3.10 to 3.${newest}; this machine has ${versions}.`, {
    id: 'environment/no-python',
    nextSteps: [...install, 'Or let uv bring one: https://docs.astral.sh/uv'],
  });
}

function withoutVenv({ version, path }: Probe): EnvironmentError {
  const [, minor] = version.split('.');
  return new EnvironmentError(`${path} (Python ${version}) cannot make environments: its venv module is missing.`, {
    id: 'environment/no-python',
    nextSteps: [
      `Debian, Ubuntu: sudo apt install python3-venv   (or python3.${minor}-venv)`,
      'Or install uv, which needs no venv module: https://docs.astral.sh/uv',
    ],
  });
}
