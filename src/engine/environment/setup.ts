import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { explainWriteError, HOME_ELSEWHERE } from '../../base/files/write-errors.ts';
import type { Places } from '../../base/paths.ts';
import { type Holder, withClaim } from '../../base/process/claim.ts';
import type { BoxBuild } from './box.ts';
import { checkEnvironment, environmentDir, type PythonEnvironment, STAMP, type Stamp } from './check.ts';
import { checkDisk, checkMayRun } from './disk.ts';
import { installed, lockedFor } from './packages/locked.ts';
import { type Meter, type PackageBytes, packageMeter } from './packages/meter.ts';
import { proofOf, provenDevice } from './proofs.ts';
import { type Prover, proveDevice } from './prove.ts';
import { environmentKey, type Requirements } from './requirements.ts';
import { basePython } from './tools/bring-python.ts';
import { installFailure } from './tools/failure.ts';
import { chooseInstaller, type Installer, venvPython } from './tools/installer.ts';
import { installEnvironment } from './tools/pip-settings.ts';
import type { Python } from './tools/python.ts';
import { endLeftTool, runTool, type ToolResult, type ToolRun } from './tools/tool.ts';
import { chooseTorch } from './torch.ts';

export interface SetupProgress {
  /** The present activity, in words for people. */
  readonly item: string;
  readonly done: number;
  readonly total: number;
  readonly detail?: string;
  /** Bytes of packages, while they are downloaded. */
  readonly bytes?: PackageBytes;
}

export interface SetupInput {
  readonly places: Places;
  readonly requirements: Requirements;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: SetupProgress) => void;
  /** Whether a complete environment is made again. */
  readonly force?: boolean;
  /** The decision about this machine's device, on which the environment is proven; undefined proves the processor. */
  readonly box?: BoxBuild;
  /** Proves the device; tests with packages other than torch pass another prover. */
  readonly prove?: Prover;
  /** Replaces the text of /proc/mounts in tests. */
  readonly mounts?: string;
}

/**
 * Makes the private environment of this version, once. It may be called at any time, from several processes, and be
 * interrupted: an incomplete environment has no stamp and is made again.
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
    const waiting = {
      everyMs: 1000,
      signal: input.signal,
      onWait: ({ identity }: Holder) =>
        input.onProgress({ item: `waiting for another set-up (process ${identity?.pid ?? '?'})`, done: 0, total: 0 }),
    };
    return await withClaim(join(places.envs, `${environmentKey(requirements)}.claims`), waiting, job);
  } catch (error) {
    throw explainWriteError(error, places.envs, HOME_ELSEWHERE);
  }
}

async function build(input: SetupInput): Promise<PythonEnvironment> {
  const { places, requirements, signal } = input;
  const dir = environmentDir(places, requirements);
  const log = `${dir}.log`;
  const onWork = (item: string, bytes?: PackageBytes) =>
    input.onProgress({ item, done: 0, total: 0, ...(bytes === undefined ? {} : { bytes }) });
  const { base, env } = await basePython({
    places,
    env: input.env,
    signal,
    newest: requirements.newestPython,
    log,
    onWork,
  });
  checkDisk(places.envs, requirements.bytes);
  checkMayRun(places.envs, input.mounts);
  await endLeftTool(`${dir}.tool`);
  rmSync(dir, { recursive: true, force: true });
  writeFileSync(log, '');
  // A small /tmp cannot hold the packages, and the contents of a folder of our own can be measured.
  const temporary = env.TMPDIR ? mkdtempSync(join(env.TMPDIR, 'visiontrain-setup-')) : `${dir}.tmp`;
  rmSync(temporary, { recursive: true, force: true });
  makePrivateFolder(temporary);
  try {
    return await fill({ ...input, env }, { dir, log, base, temporary });
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

interface Site {
  readonly dir: string;
  readonly log: string;
  readonly base: Python;
  /** Folder for the installer's downloads. */
  readonly temporary: string;
}

async function fill(input: SetupInput, { dir, log, base, temporary }: Site): Promise<PythonEnvironment> {
  const { requirements, signal } = input;
  const { env } = input;
  const installer = await chooseInstaller({ ...env, TMPDIR: temporary }, base.path, signal);
  const meter = packageMeter({ folder: temporary, expected: requirements.downloadBytes ?? 0 });
  const python = venvPython(dir);
  const run = (tool: ToolRun, onLine?: (line: string) => void): Promise<ToolResult> =>
    runTool(tool, { log, signal, owner: `${dir}.tool`, ...(onLine === undefined ? {} : { onLine }) });
  const must = async (what: string, tool: ToolRun, onLine?: (line: string) => void): Promise<void> => {
    const { code, tail } = await run(tool, onLine);
    if (code !== 0) throw installFailure(what, tail, log);
  };

  const wanted = await lockedFor(base.path, requirements.lock, installEnvironment(env), run);
  const total = wanted.length + 1;
  const say = (item: string, detail?: string, bytes?: PackageBytes) =>
    input.onProgress({
      item,
      done: Math.min(installed(dir).length, total),
      total,
      ...(detail === undefined ? {} : { detail }),
      ...(bytes === undefined ? {} : { bytes }),
    });
  const watch = { say, meter };

  say(`environment for Python ${base.version}`);
  await must('Making the environment', installer.makeVenv(dir, base.path));
  await whileCounting(watch, 'packages', (onLine) =>
    must('Installing packages', installer.installLock(python, requirements.lock), onLine),
  );
  const torch = await installTorch({ requirements, installer, python, wanted, dir, run, must, watch });
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
  readonly watch: Watch;
}

interface Watch {
  readonly say: (item: string, detail?: string, bytes?: PackageBytes) => void;
  readonly meter: Meter;
}

/** Installs torch and returns the version that was installed. */
async function installTorch({
  requirements,
  installer,
  python,
  wanted,
  dir,
  run,
  must,
  watch,
}: TorchStep): Promise<string> {
  const constraints = join(dir, 'constraints.txt');
  writeFileSync(constraints, `${wanted.join('\n')}\n`);
  watch.say('torch', 'looking for the right build');
  const { requirement, source, lock } = await chooseTorch(requirements, { installer, python, constraints, run });
  await whileCounting(watch, requirement.replace('==', ' '), (onLine) =>
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

/** Reports the downloaded bytes and installed packages twice a second while a step runs. */
async function whileCounting(
  { say, meter }: Watch,
  item: string,
  step: (onLine: (line: string) => void) => Promise<void>,
): Promise<void> {
  let detail: string | undefined;
  const timer = setInterval(() => say(item, detail, meter.look()), 500);
  try {
    await step((line) => {
      meter.line(line);
      detail = line.trim().replace(/\s+/g, ' ').slice(0, 100);
    });
  } finally {
    clearInterval(timer);
    meter.settle();
  }
}
