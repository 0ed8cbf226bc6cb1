/**
 * One of several machines that train a run together. The first machine owns the run as always; each of the others only
 * starts its processes, with the plan in the run folder, which all machines can read.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { packageRoot } from '../../base/package-root.ts';
import { endGroup } from '../../base/process/group.ts';
import type { PythonEnvironment } from '../environment/check.ts';
import type { Plan } from '../plan/schema.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { type Node, trainerCommand } from './command.ts';
import { startTrainer, type TrainerEnd } from './trainer-process.ts';

/** Variables that say which machine this is and where the machines meet; flags of the command line set them. */
export const NODE_VARIABLE = 'VISIONTRAIN_NODE';
export const RENDEZVOUS_VARIABLE = 'VISIONTRAIN_RENDEZVOUS';

/** Seconds from SIGTERM to SIGKILL. */
const GRACE = 8;

const TYPE = [
  'Type the same on each machine, with its own number:',
  '  visiontrain run run.yaml --node 0 --rendezvous FIRST-MACHINE:29500',
  'Or train on this machine alone: --set resources.nodes=1',
];

/**
 * Which machine this is; undefined for a plan for one machine.
 * @throws UsageError when the plan is for several, and the variables do not say which of them this is
 */
export function nodeOf({ nodes }: Pick<Plan['resources'], 'nodes'>, env: NodeJS.ProcessEnv): Node | undefined {
  const [number, meeting] = [env[NODE_VARIABLE], env[RENDEZVOUS_VARIABLE]];
  if (nodes === 1) {
    if (number === undefined && meeting === undefined) return undefined;
    throw unclear('This run is for one machine, and --node or --rendezvous names one of several.', [
      'Train on several:   --set resources.nodes=2',
    ]);
  }
  if (number === undefined || meeting === undefined)
    throw unclear(
      `This run is for ${nodes} machines (resources.nodes): which of them is this, and where do they meet?`,
      TYPE,
    );
  const rank = Number(number);
  if (!/^\d+$/u.test(number) || rank >= nodes)
    throw unclear(`--node ${number} is none of 0 to ${nodes - 1}, the numbers of ${nodes} machines.`, TYPE);
  return { rank, ...place(meeting) };
}

/** Address and port in a text such as `box:29500`, `10.0.0.1:29500` or `[fe80::1]:29500`. */
function place(meeting: string): Pick<Node, 'address' | 'port'> {
  const [, bracketed, bare, port] =
    /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9][A-Za-z0-9._-]*)):(\d{1,5})$/u.exec(meeting) ?? [];
  const address = bracketed ?? bare;
  if (address === undefined || Number(port) < 1 || Number(port) > 65_535)
    throw unclear(`--rendezvous ${meeting} is not MACHINE:PORT.`, TYPE);
  return { address, port: Number(port) };
}

const unclear = (message: string, nextSteps: readonly string[]) =>
  new UsageError(message, { id: 'run/nodes', nextSteps: [...nextSteps] });

/** Writes into the run folder where the machines of this attempt meet, so that the other machines can find the run. */
export function announceMeeting(dir: string, node: Node): void {
  writeFileAtomic(join(dir, RUN_FILES.control, 'meeting'), `${node.address}:${node.port}\n`);
}

/** Where the machines of the run meet; undefined for a run on one machine, or one that did not begin. */
export function meetingOf(dir: string): string | undefined {
  try {
    return readFileSync(join(dir, RUN_FILES.control, 'meeting'), 'utf8')
      .slice(0, 300)
      .trim();
  } catch {
    return undefined;
  }
}

export const sameMeeting = (dir: string, node: Node): boolean => meetingOf(dir) === `${node.address}:${node.port}`;

export interface NodeJob {
  readonly dir: string;
  readonly plan: Plan;
  readonly node: Node;
  readonly environment: PythonEnvironment;
  readonly env: NodeJS.ProcessEnv;
  readonly cacheDir: string;
  readonly signal: AbortSignal;
}

/** Name of the log of the processes of another machine than the first. */
export const nodeLog = ({ rank }: Node): string => `trainer-${rank}.log`;

/** Trains on a machine other than the first, until its processes end. Aborting the signal ends them. */
export async function trainOnNode({
  dir,
  plan,
  node,
  environment,
  env,
  cacheDir,
  signal,
}: NodeJob): Promise<TrainerEnd> {
  const { python, extras } = environment;
  const command = trainerCommand({
    python,
    extras,
    runDir: dir,
    resources: plan.resources,
    packageRoot: packageRoot(),
    env,
    node,
  });
  const trainer = await startTrainer(
    { ...command, env: { ...command.env, VISIONTRAIN_CACHE_DIR: cacheDir } },
    join(dir, nodeLog(node)),
  );
  const end = () => void endGroup(trainer.pid, GRACE);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    return await trainer.ended;
  } finally {
    signal.removeEventListener('abort', end);
  }
}
