/**
 * `run` and `resume` on one of several machines: which machine this is, and the work of the machines after the first.
 */
import { join } from 'node:path';
import { EnvironmentError, EXIT, type ExitCode, TrainingError } from '../../../base/errors.ts';
import { lastLogLines } from '../../../base/files/log-lines.ts';
import { pause } from '../../../base/sleep.ts';
import { ensureEnvironment } from '../../../engine/environment/ensure.ts';
import { makeRequest } from '../../../engine/run-folder/requests.ts';
import { glanceAtPlan, readExit, readSupervisor } from '../../../engine/run-folder/run-files.ts';
import type { RunRef } from '../../../engine/runs/create.ts';
import { runNames } from '../../../engine/runs/list.ts';
import { settlePlan } from '../../../engine/runs/read-plan.ts';
import { runCondition } from '../../../engine/runs/summary.ts';
import { refuseForeignFolder } from '../../../engine/runs/trust.ts';
import type { Node } from '../../../engine/supervisor/command.ts';
import {
  NODE_VARIABLE,
  nodeLog,
  nodeOf,
  RENDEZVOUS_VARIABLE,
  sameMeeting,
  trainOnNode,
} from '../../../engine/supervisor/nodes.ts';
import type { Context } from '../../shell/context.ts';
import { type Options, text } from '../shared/options.ts';
import { stepProgress } from '../shared/steps/step-progress.ts';

/** Milliseconds that a machine waits for the first one to begin the run, and (below) between two checks. */
const BEGIN_MS = 600_000;
const LOOK_MS = 500;

/** The environment with the values of `--node` and `--rendezvous`, which the supervisor reads. */
export function withNode(env: NodeJS.ProcessEnv, options: Options): NodeJS.ProcessEnv {
  const [node, meeting] = [text(options.node), text(options.rendezvous)];
  return {
    ...env,
    ...(node === undefined ? {} : { [NODE_VARIABLE]: node }),
    ...(meeting === undefined ? {} : { [RENDEZVOUS_VARIABLE]: meeting }),
  };
}

/**
 * Which of the machines after the first this is; undefined for the first, and for a run on one machine.
 * @throws UsageError
 */
export function helperNode(resources: { readonly nodes: number }, env: NodeJS.ProcessEnv): Node | undefined {
  const node = nodeOf(resources, env);
  return node === undefined || node.rank === 0 ? undefined : node;
}

/**
 * Works as a machine after the first: it waits until the first has begun the run, trains with it, and ends with it.
 * @param named the run, when known; otherwise it is found by the address where its machines meet
 */
export async function helpRun(named: RunRef | undefined, node: Node, context: Context): Promise<ExitCode> {
  const { out, places, env } = context;
  out.talk(`Machine ${node.rank}: waiting for machine 0 to begin the run.`);
  const { name, dir } = await begun(named, node, context);
  refuseForeignFolder(dir);
  const stop = new AbortController();
  const onSignal = () => {
    // The machines stop together, with a checkpoint; a second signal ends these processes at once.
    if (stop.signal.aborted) return;
    if (isStopRequested) stop.abort();
    else makeRequest(dir, 'stop');
    isStopRequested = true;
  };
  let isStopRequested = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  const progress = stepProgress(context);
  try {
    const plan = settlePlan(dir);
    const tools = { ...progress.tools, signal: stop.signal };
    const environment = await ensureEnvironment({ places, env }, plan.resources.device, tools);
    out.talk(`Machine ${node.rank} trains ${name}. What its processes print is in ${nodeLog(node)} of the run folder.`);
    const job = { dir, plan, node, environment, env, cacheDir: places.cache, signal: stop.signal };
    const { code } = await trainOnNode(job);
    return await endOfHelp({ name, dir }, node, code, out.talk);
  } finally {
    progress.end();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
}

/**
 * The run that the first machine has begun.
 * @throws EnvironmentError when none appears
 */
async function begun(named: RunRef | undefined, node: Node, { places }: Context): Promise<RunRef> {
  const until = Date.now() + BEGIN_MS;
  const isIt = (dir: string) =>
    runCondition(dir).state === 'live' && readSupervisor(dir)?.trainer != null && sameMeeting(dir, node);
  while (Date.now() < until) {
    const all =
      named === undefined ? runNames(places.runs).map((name) => ({ name, dir: join(places.runs, name) })) : [named];
    const found = all.find(({ dir }) => isIt(dir));
    if (found !== undefined) return found;
    await pause(LOOK_MS, undefined);
  }
  throw new EnvironmentError(`No run was begun that meets at ${node.address}:${node.port}.`, {
    id: 'training/rendezvous',
    details: [`Looked in ${places.runs} for ${BEGIN_MS / 60_000} min.`],
    nextSteps: ['Start machine 0 with the same rendezvous; the runs must lie on a disk that all machines see.'],
  });
}

/** The exit code. The first machine writes how the run ended, which may take some seconds more. */
async function endOfHelp(
  { name, dir }: RunRef,
  node: Node,
  code: number | null,
  talk: (line: string) => void,
): Promise<ExitCode> {
  for (let i = 0; i < 60 && readExit(dir) === null && runCondition(dir).state === 'live'; i += 1)
    await pause(LOOK_MS, undefined);
  const exit = readExit(dir);
  if (exit?.status === 'failed' || (exit === null && code !== 0))
    throw new TrainingError(`${name} ended on machine ${node.rank}: ${exit?.reason ?? 'machine 0 did not say why'}`, {
      id: exit?.id === undefined ? 'training/lost-process' : 'training/failed',
      details: lastLogLines(join(dir, nodeLog(node)), 10),
      nextSteps: [`visiontrain status ${name}`],
    });
  talk(`${name} is ${exit?.status ?? 'over'}.`);
  return (exit?.code ?? EXIT.ok) as ExitCode;
}

/** Number of machines of the plan. A plan that cannot be read is reported later, when the run starts. */
export function nodesOf(dir: string): number {
  const plan = glanceAtPlan(dir) as { resources?: { nodes?: unknown } } | undefined;
  const nodes = plan?.resources?.nodes;
  return typeof nodes === 'number' ? nodes : 1;
}
