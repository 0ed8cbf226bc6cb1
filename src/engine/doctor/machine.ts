/** Checks Node, Python, environment, driver, card and memory: whether this machine can train. */
import { mkdtempSync, rmSync } from 'node:fs';
import { freemem, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { VisiontrainError } from '../../base/errors.ts';
import { homeFolder } from '../../base/home.ts';
import type { Places } from '../../base/paths.ts';
import { formatBytes, formatDuration, plural } from '../../base/text.ts';
import type { BoxBuild } from '../environment/box.ts';
import { boxFingerprint } from '../environment/box.ts';
import { checkEnvironment, type PythonEnvironment } from '../environment/check.ts';
import { type BuildDecision, chooseBuild } from '../environment/choose-build.ts';
import { givenEnvironment, proveGiven } from '../environment/given.ts';
import { keepProof, proofOf, provenDevice } from '../environment/proofs.ts';
import { proveDevice } from '../environment/prove.ts';
import { requirementsFor } from '../environment/requirements.ts';
import { mayBring, withBroughtUv } from '../environment/tools/bring-python.ts';
import { hasUv } from '../environment/tools/installer.ts';
import { findPython } from '../environment/tools/python.ts';
import { type CardSigns, readSigns } from '../hardware/signals.ts';
import type { System } from '../hardware/system.ts';
import { bad, good, type HealthFinding, warn } from './finding.ts';

export interface MachineInput {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly system: System;
  readonly signal: AbortSignal;
  /** Called before a check that takes seconds. */
  readonly onWork: (what: string) => void;
}

export interface MachineReport {
  readonly findings: readonly HealthFinding[];
  readonly signs: CardSigns;
  readonly decision: BuildDecision;
  readonly environment: PythonEnvironment | undefined;
}

export async function examineMachine(input: MachineInput): Promise<MachineReport> {
  const { env, system } = input;
  input.onWork('looking for cards');
  const signs = await readSigns(system, env);
  const decision = chooseBuild(signs, { torch: env.VISIONTRAIN_TORCH });
  const found = await environmentFinding(input, decision);
  const proof = found.environment === undefined ? undefined : await proofFinding(input, decision, found.environment);
  return {
    findings: [
      good('node', 'Node', process.versions.node),
      await pythonFinding(input, decision),
      driverFinding(decision),
      found.finding,
      ...(proof === undefined ? [] : [proof]),
      ...(await memoryFindings(signs, system)),
    ],
    signs,
    decision,
    environment: found.environment,
  };
}

/** A check that failed with an error, as a finding. */
function trouble(id: string, title: string, error: unknown): HealthFinding {
  if (!(error instanceof VisiontrainError)) throw error;
  const text = [error.message, ...error.details.filter((line) => !line.startsWith('Whole story'))].join(' ');
  return bad(id, title, text, ...error.nextSteps);
}

async function pythonFinding(input: MachineInput, decision: BuildDecision): Promise<HealthFinding> {
  const env = withBroughtUv(input.env, input.places);
  if (env.VISIONTRAIN_PYTHON) return good('python', 'Python', `${env.VISIONTRAIN_PYTHON} (VISIONTRAIN_PYTHON)`);
  const uv = await hasUv(env);
  try {
    const newest = decision.kind === 'build' ? requirementsFor(decision.build).newestPython : undefined;
    const { version, path } = await findPython(env, { needsVenv: !uv, newest });
    return good('python', 'Python', `${version}, ${path}${uv ? '; uv is there' : ''}`);
  } catch (error) {
    const finding = trouble('python', 'Python', error);
    return mayBring(env) ? warn('python', 'Python', `${finding.text} Set-up brings what is missing.`) : finding;
  }
}

function driverFinding(decision: BuildDecision): HealthFinding {
  if (decision.kind === 'stop') return bad('driver', 'Card, driver', decision.message, ...decision.nextSteps);
  const { card, build, notes } = decision;
  const { torch } = requirementsFor(build);
  const fits = `torch ${torch} (${build}) fits`;
  const what =
    card === null
      ? `no card to train on: on a processor SDXL takes days; ${fits}`
      : `${card.name}${card.driver === null ? '' : `, driver ${card.driver}`}${card.capability === null ? '' : `, capability ${card.capability}`}; ${fits}`;
  return (card === null || notes.length > 0 ? warn : good)('driver', 'Card, driver', [what, ...notes].join('. '));
}

async function environmentFinding(
  { places, env }: MachineInput,
  decision: BuildDecision,
): Promise<{ finding: HealthFinding; environment: PythonEnvironment | undefined }> {
  const title = 'Environment';
  try {
    if (env.VISIONTRAIN_PYTHON) {
      const environment = await givenEnvironment(env.VISIONTRAIN_PYTHON, env);
      await proveGiven(environment, env);
      const text = `yours, Python ${environment.python_version}, torch ${environment.torch}`;
      return { finding: good('environment', title, text), environment };
    }
    if (decision.kind === 'stop')
      return {
        finding: bad('environment', title, 'none: no build of PyTorch fits'),
        environment: undefined,
      };
    const environment = checkEnvironment(places, requirementsFor(decision.build));
    if (environment === undefined) {
      const text = 'not made yet, or not that of this version';
      return { finding: warn('environment', title, text, 'visiontrain setup'), environment };
    }
    const text = `agrees with the lock: Python ${environment.python_version}, torch ${environment.torch}`;
    return { finding: good('environment', title, text), environment };
  } catch (error) {
    return { finding: trouble('environment', title, error), environment: undefined };
  }
}

async function proofFinding(
  input: MachineInput,
  decision: BuildDecision,
  environment: PythonEnvironment,
): Promise<HealthFinding> {
  const { env, signal, system } = input;
  const title = 'Computes';
  if (decision.kind === 'stop') return bad('computes', title, 'not tried: the driver comes first');
  const { build, card } = decision;
  const box: BoxBuild = {
    fingerprint: boxFingerprint(system, env),
    build,
    card: card?.index ?? null,
    cardName: card?.name ?? null,
    driver: card?.driver ?? null,
    notes: [],
  };
  const device = provenDevice(build, box);
  input.onWork(`letting ${device} compute`);
  // The folder has a random name that nobody can have created before.
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-doctor-'));
  try {
    const log = join(dir, 'log');
    const checks = await proveDevice({ python: environment.python, env, device, build, log, signal });
    if (environment.kind === 'own') keepProof(environment, proofOf(checks, device, box));
    const failed = checks.filter(({ ok }) => !ok).map(({ check }) => check);
    const seconds = checks.reduce((sum, { ms }) => sum + ms, 0) / 1000;
    const passed = checks.filter(({ ok, check }) => ok && check !== 'see').map(({ check }) => check);
    const text = `${device}: ${passed.join(', ')} (${formatDuration(seconds)})${failed.length > 0 ? `; not ${failed.join(', ')}` : ''}`;
    return (failed.length > 0 ? warn : good)('computes', title, text);
  } catch (error) {
    return trouble('computes', title, error);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function memoryFindings(signs: CardSigns, system: System): Promise<HealthFinding[]> {
  const machine = memoryOf(system);
  const findings = [
    machine.free < 4e9
      ? warn(
          'memory',
          'Memory',
          `${formatBytes(machine.free)} of ${formatBytes(machine.total)} are free`,
          'Close what is not needed: a run takes 4 GB and more',
        )
      : good('memory', 'Memory', `${formatBytes(machine.free)} of ${formatBytes(machine.total)} are free`),
  ];
  const holders = signs.nvidia.smi === 'answered' ? await cardHolders(system) : [];
  for (const { index, totalBytes, freeBytes, name } of signs.cards) {
    if (totalBytes === null) continue;
    const held = freeBytes !== null && freeBytes < totalBytes * 0.8;
    const who = held && holders.length > 0 ? `; held by ${holders.slice(0, 4).join(', ')}` : '';
    const text = `${name}: ${freeBytes === null ? '' : `${formatBytes(freeBytes)} of `}${formatBytes(totalBytes)}${freeBytes === null ? '' : ' are free'}${who}`;
    const cure = held ? ['nvidia-smi   shows who holds it; a run can use only what is free'] : [];
    findings.push((held ? warn : good)(`memory-${index}`, `Card ${index}`, text, ...cure));
  }
  return findings;
}

/** Bytes of memory of the machine or the container, in total and free. */
function memoryOf(system: System): { total: number; free: number } {
  const row = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'mu').exec(system.read('/proc/meminfo') ?? '')?.[1] ?? Number.NaN) *
    1024;
  const total = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const available = row('MemAvailable');
  const used = Number(system.read('/sys/fs/cgroup/memory.current') ?? 0);
  const within = total < totalmem() ? total - used : Number.POSITIVE_INFINITY;
  return { total, free: Math.max(0, Math.min(Number.isFinite(available) ? available : freemem(), within)) };
}

/** Programs that use the cards, with their memory; in a container the host's programs have no names. */
async function cardHolders(system: System): Promise<string[]> {
  const answer = await system.tool('nvidia-smi', [
    '--query-compute-apps=process_name,used_memory',
    '--format=csv,noheader,nounits',
  ]);
  if (answer.kind !== 'answered') return [];
  const home = homeFolder();
  return answer.text.split('\n').flatMap((line) => {
    const [, name = '', mib = ''] = /^(.*),\s*([^,]+)$/u.exec(line.trim()) ?? [];
    if (name === '' || /not found|no running/iu.test(name)) return [];
    const shown = home === undefined ? name : name.replace(home, '~');
    return [/^\d+$/u.test(mib) ? `${shown} (${formatBytes(Number(mib) * 2 ** 20)})` : shown];
  });
}

/** One sentence that sums all findings up. */
export function healthSummary(findings: readonly HealthFinding[]): string {
  const count = (verdict: HealthFinding['verdict']) => findings.filter((f) => f.verdict === verdict).length;
  const [worse, lesser] = [count('bad'), count('warn')];
  if (worse > 0) return `${plural(worse, 'thing')} must be cured before a run can train.`;
  if (lesser > 0) return `Fit to train; ${plural(lesser, 'thing')} could be better.`;
  return 'Fit to train.';
}
