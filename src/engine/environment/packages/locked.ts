/** Lists the packages that a lock names for a Python, and those that are installed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EnvironmentError } from '../../../base/errors.ts';

interface Script {
  readonly argv: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly input: string;
}

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly tail: readonly string[];
}

/** Names and versions of the lock's packages that apply to this Python and platform. */
export async function lockedFor(
  python: string,
  lock: string,
  env: NodeJS.ProcessEnv,
  run: (script: Script) => Promise<Answer>,
): Promise<string[]> {
  const rows = readFileSync(lock, 'utf8').matchAll(
    /^([a-z0-9][a-z0-9._-]*==[^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?\s*\\?$/gim,
  );
  const pairs = [...rows].map(([, requirement, marker]) => [requirement, marker ?? 'True']);
  const { stdout, code, tail } = await run({
    argv: [python, '-I', '-c', MARKERS],
    env,
    input: JSON.stringify(pairs),
  });
  if (code !== 0)
    throw new EnvironmentError(`${python} cannot run a small script.`, {
      id: 'environment/broken-python',
      details: tail,
      nextSteps: [
        'Install it anew, then:  visiontrain setup',
        'Or use an environment of your own: VISIONTRAIN_PYTHON=/path/to/python',
      ],
    });
  return JSON.parse(stdout) as string[];
}

// The markers that uv writes are Python expressions, except for comparisons of versions. The lock is a file of our
// package, so evaluating it is safe.
const MARKERS = `
import json, os, platform, sys
class V(str):
    key = staticmethod(lambda s: tuple(int(p) for p in s.split(".") if p.isdigit()))
    def __lt__(a, b): return V.key(a) < V.key(b)
    def __le__(a, b): return V.key(a) <= V.key(b)
    def __gt__(a, b): return V.key(a) > V.key(b)
    def __ge__(a, b): return V.key(a) >= V.key(b)
    def __eq__(a, b): return V.key(a)[:len(V.key(b))] == V.key(b) if b.endswith(".*") else V.key(a) == V.key(b)
    def __ne__(a, b): return not a == b
names = {"python_full_version": V(platform.python_version().rstrip("+")), "python_version": V("%d.%d" % sys.version_info[:2]),
  "sys_platform": sys.platform, "platform_machine": platform.machine(), "platform_system": platform.system(),
  "os_name": os.name, "implementation_name": sys.implementation.name,
  "platform_python_implementation": platform.python_implementation()}
print(json.dumps([r for r, m in json.load(sys.stdin) if eval(m, {"__builtins__": {}}, names)]))`;

/** Names of the folders of installed packages. */
export function installed(dir: string): string[] {
  try {
    const lib = join(dir, 'lib');
    const version = readdirSync(lib).find((name) => /^python3\.\d+$/.test(name)) ?? '';
    return readdirSync(join(lib, version, 'site-packages')).filter((name) => name.endsWith('.dist-info'));
  } catch {
    return [];
  }
}
