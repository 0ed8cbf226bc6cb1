import { readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EnvironmentError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { freeBytes } from '../../base/files/disk.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { explainWriteError } from '../../base/files/write-errors.ts';
import type { Places } from '../../base/paths.ts';
import { type Claim, claim, whileClaimed } from '../../base/process/claim.ts';
import { pause } from '../../base/sleep.ts';
import { formatBytes } from '../../base/text.ts';
import type { BoxBuild } from './box.ts';
import { checkEnvironment, environmentDir, type PythonEnvironment, STAMP, type Stamp } from './check.ts';
import { installFailure } from './failure.ts';
import { chooseInstaller, hasUv, type Installer, venvPython } from './installer.ts';
import { installEnvironment } from './pip-settings.ts';
import { proofOf, provenDevice } from './proofs.ts';
import { type Prover, proveDevice } from './prove.ts';
import { findPython, type Python } from './python.ts';
import { environmentKey, type Requirements } from './requirements.ts';
import { runTool, type ToolResult, type ToolRun } from './tool.ts';
import { chooseTorch } from './torch.ts';

export interface SetupProgress {
  /** The current work, in words for a person. */
  readonly item: string;
  readonly done: number;
  readonly total: number;
  readonly detail?: string;
}

export interface SetupInput {
  readonly places: Places;
  readonly requirements: Requirements;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: SetupProgress) => void;
  /** Whether the environment is made anew although it is complete. */
  readonly force?: boolean;
  /** The box that it is proven on; undefined proves the processor. */
  readonly box?: BoxBuild;
  /** Proves the device; tests with packages that are no torch hand over another. */
  readonly prove?: Prover;
}

/**
 * Makes the private environment of this version, once. It may be called at any time, from several processes, and be
 * interrupted: a half-made environment has no stamp and is made anew.
 * @throws EnvironmentError with the cure
 */
export async function setupEnvironment(input: SetupInput): Promise<PythonEnvironment> {
  const { places, requirements } = input;
  const ready = input.force === true ? undefined : checkEnvironment(places, requirements);
  if (ready !== undefined) return ready;
  try {
    makePrivateFolder(places.envs);
    const job = async () => {
      const meanwhile = input.force === true ? undefined : checkEnvironment(places, requirements);
      return meanwhile ?? (await build(input));
    };
    return await whileClaimed(await waitForTurn(input), job, (lock) => lock.release());
  } catch (error) {
    throw explainWriteError(error, places.envs);
  }
}

async function waitForTurn({ places, requirements, signal, onProgress }: SetupInput): Promise<Claim> {
  const folder = join(places.envs, `${environmentKey(requirements)}.claims`);
  for (;;) {
    signal.throwIfAborted();
    const turn = claim(folder);
    if ('claim' in turn) return turn.claim;
    onProgress({ item: `waiting for another set-up (process ${turn.holder.identity?.pid ?? '?'})`, done: 0, total: 0 });
    await pause(1000, signal);
  }
}

async function build(input: SetupInput): Promise<PythonEnvironment> {
  const { places, requirements, env, signal } = input;
  const dir = environmentDir(places, requirements);
  const log = `${dir}.log`;
  const needsVenv = !(await hasUv(env, signal));
  const base = await findPython(env, { needsVenv, newest: requirements.newestPython, signal });
  checkDisk(places.envs, requirements.bytes);
  rmSync(dir, { recursive: true, force: true });
  writeFileSync(log, '');
  const installer = await chooseInstaller(env, base.path, signal);
  const python = venvPython(dir);
  const run = (tool: ToolRun, onLine?: (line: string) => void): Promise<ToolResult> =>
    runTool(tool, { log, signal, ...(onLine === undefined ? {} : { onLine }) });
  const must = async (what: string, tool: ToolRun, onLine?: (line: string) => void): Promise<void> => {
    const { code, tail } = await run(tool, onLine);
    if (code !== 0) throw installFailure(what, tail, log);
  };

  const wanted = await lockedFor(base, requirements, run, env);
  const total = wanted.length + 1;
  const say = (item: string, detail?: string) =>
    input.onProgress({
      item,
      done: Math.min(installed(dir).length, total),
      total,
      ...(detail === undefined ? {} : { detail }),
    });

  say(`environment for Python ${base.version}`);
  await must('Making the environment', installer.makeVenv(dir, base.path));
  await whileCounting(say, 'packages', (onLine) =>
    must('Installing packages', installer.installLock(python, requirements.lock), onLine),
  );
  const torch = await installTorch({ requirements, installer, python, wanted, dir, run, must, say });
  const device = provenDevice(requirements.build, input.box);
  say(`checking that ${device} computes`);
  const prove = input.prove ?? proveDevice;
  const checks = await prove({ python, env, device, build: requirements.build, log, signal });
  const stamp: Stamp = {
    key: environmentKey(requirements),
    base: realpathSync(python),
    python_version: base.version,
    torch,
    installer: installer.name,
    packages: installed(dir).length,
    made_at: Math.round(Date.now() / 1000),
    proofs: [proofOf(checks, device, input.box)],
  };
  writeFileAtomic(join(dir, STAMP), `${JSON.stringify(stamp, null, 1)}\n`);
  input.onProgress({ item: 'ready', done: total, total });
  return { python, python_version: base.version, torch, kind: 'own', proofs: stamp.proofs ?? [] };
}

interface TorchStep {
  readonly requirements: Requirements;
  readonly installer: Installer;
  readonly python: string;
  readonly wanted: readonly string[];
  readonly dir: string;
  readonly run: (tool: ToolRun) => Promise<ToolResult>;
  readonly must: (what: string, tool: ToolRun, onLine?: (line: string) => void) => Promise<void>;
  readonly say: (item: string, detail?: string) => void;
}

/** Installs torch and returns the version that was really installed. */
async function installTorch({
  requirements,
  installer,
  python,
  wanted,
  dir,
  run,
  must,
  say,
}: TorchStep): Promise<string> {
  const constraints = join(dir, 'constraints.txt');
  writeFileSync(constraints, `${wanted.join('\n')}\n`);
  say('torch', 'looking for the right build');
  const { requirement, source, lock } = await chooseTorch(requirements, { installer, python, constraints, run });
  await whileCounting(say, requirement.replace('==', ' '), (onLine) =>
    must(
      `Installing ${requirement}`,
      lock === undefined ? installer.install(python, requirement, source) : installer.installLock(python, lock),
      onLine,
    ),
  );
  const [, version = requirements.torch] =
    installed(dir)
      .map((name) => /^torch-(.+)\.dist-info$/.exec(name))
      .find((match) => match !== null) ?? [];
  return version;
}

/** Reports twice a second which packages are installed while a step runs. */
async function whileCounting(
  say: (item: string, detail?: string) => void,
  item: string,
  step: (onLine: (line: string) => void) => Promise<void>,
): Promise<void> {
  let detail: string | undefined;
  const timer = setInterval(() => say(item, detail), 500);
  try {
    await step((line) => {
      detail = line.trim().replace(/\s+/g, ' ').slice(0, 100);
    });
  } finally {
    clearInterval(timer);
  }
}

/** Names and versions of the lock's packages that apply to this Python and platform. */
async function lockedFor(
  base: Python,
  { lock }: Requirements,
  run: (tool: ToolRun) => Promise<ToolResult>,
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  const rows = readFileSync(lock, 'utf8').matchAll(
    /^([a-z0-9][a-z0-9._-]*==[^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?\s*\\?$/gim,
  );
  const pairs = [...rows].map(([, requirement, marker]) => [requirement, marker ?? 'True']);
  const { stdout, code, tail } = await run({
    argv: [base.path, '-I', '-c', MARKERS],
    env: installEnvironment(env),
    input: JSON.stringify(pairs),
  });
  if (code !== 0)
    throw new EnvironmentError(`${base.path} cannot run a small script.`, {
      id: 'environment/broken-python',
      details: tail,
    });
  return JSON.parse(stdout) as string[];
}

// The markers that uv writes are Python expressions, except for the comparison of versions. The lock is a file of this
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
function installed(dir: string): string[] {
  try {
    const lib = join(dir, 'lib');
    const version = readdirSync(lib).find((name) => /^python3\.\d+$/.test(name)) ?? '';
    return readdirSync(join(lib, version, 'site-packages')).filter((name) => name.endsWith('.dist-info'));
  } catch {
    return [];
  }
}

function checkDisk(folder: string, needed: number): void {
  const free = freeBytes(folder);
  if (free >= needed) return;
  throw new EnvironmentError(
    `The Python environment needs ${formatBytes(needed)} on the disk of ${folder}; ${formatBytes(free)} are free.`,
    { id: 'disk/full', nextSteps: ['Free some space, or set VISIONTRAIN_HOME to a folder on a larger disk.'] },
  );
}
