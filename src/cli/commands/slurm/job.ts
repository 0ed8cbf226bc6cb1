/**
 * Carries out `slurm job RUN`, the command of a job of Slurm. It starts or resumes the run, and stays until the run is
 * over. When the job's time limit is near, it saves the run and puts the job back into the queue.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { EXIT, type ExitCode, UsageError } from '../../../base/errors.ts';
import { packageRoot } from '../../../base/package-root.ts';
import { eventsEnd } from '../../../engine/events/tail.ts';
import { makeRequest } from '../../../engine/run-folder/requests.ts';
import { readExit } from '../../../engine/run-folder/run-files.ts';
import type { RunRef } from '../../../engine/runs/create.ts';
import { findRun } from '../../../engine/runs/find.ts';
import { sweepOfRun } from '../../../engine/runs/groups.ts';
import { startRun } from '../../../engine/runs/start.ts';
import { runCondition } from '../../../engine/runs/summary.ts';
import { isSweepName } from '../../../engine/search/folder.ts';
import { answerLines, type OtherNodes, requeue, startOnOtherNodes } from '../../../engine/slurm/commands.ts';
import { readJob, writeJob } from '../../../engine/slurm/record.ts';
import { NODE_VARIABLE, RENDEZVOUS_VARIABLE } from '../../../engine/supervisor/nodes.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { nodesOf } from '../nodes/help.ts';
import { withoutQueue } from '../shared/start-run.ts';
import { ownSignals, watchRun } from '../shared/watch.ts';
import { settleSweep } from '../sweep/settle.ts';
import { earlierGone } from './earlier-turn.ts';

/** Milliseconds for the other nodes to end when the run is over. */
const LEAVE_MS = 30_000;

export const run: CommandRun = async ([query = ''], _options, context) => {
  const { out, places, env } = context;
  const job = env.SLURM_JOB_ID;
  if (job === undefined)
    throw new UsageError('This is what a job of Slurm runs, and here is none.', {
      id: 'slurm/no-job',
      nextSteps: ['visiontrain run run.yaml --on slurm'],
    });
  const ref = findRun(query, places.runs);
  const limit = timeLimit(ref, out.talk);
  const owner = ownSignals(out.talk);
  let others: OtherNodes | undefined;
  try {
    if (env.SLURM_RESTART_COUNT !== undefined)
      out.talk(`Job ${job} is here for the ${Number(env.SLURM_RESTART_COUNT) + 1}. time.`);
    await earlierGone(ref, { job, talk: out.talk });
    if (runCondition(ref.dir).state === 'finished') {
      out.talk(`${ref.name} is finished.`);
      await settleOwn(ref, context);
      return EXIT.ok;
    }
    // The script was submitted by hand. With this record, `stop` and `attach` know its job.
    if (readJob(ref.dir) === undefined) writeJob(ref.dir, { job: Number(job), task: null });
    const from = eventsEnd(ref.dir);
    const meeting = meetingOfJob(nodesOf(ref.dir), job, env);
    await startRun(ref, { ...withoutQueue(env), ...meeting.env });
    others = meeting.begin(ref);
    owner.owns(ref);
    limit.owns();
    const code = await watchRun(ref, context, { from, owner });
    if (limit.reached() && readExit(ref.dir)?.status === 'stopped') return await putBack(job, context);
    await settleOwn(ref, context);
    return code;
  } finally {
    owner.release();
    limit.release();
    // The processes on the other nodes end with the run.
    await others?.ended(LEAVE_MS);
  }
};

/** Compares the runs of the sweep when this job was the last of its array. */
async function settleOwn({ dir }: RunRef, context: Context): Promise<void> {
  const group = sweepOfRun(dir)?.group;
  if (group !== undefined && isSweepName(group)) await settleSweep(group, context);
}

/** Where the nodes of a job meet, and how the nodes after the first begin; both empty for a run on one machine. */
function meetingOfJob(nodes: number, job: string, env: NodeJS.ProcessEnv) {
  if (nodes === 1) return { env: {}, begin: () => undefined };
  const given = Number(env.SLURM_JOB_NUM_NODES ?? 1);
  if (given !== nodes)
    throw new UsageError(`The run is for ${nodes} machines (resources.nodes), and the job has ${given}.`, {
      id: 'run/nodes',
      nextSteps: ['Submit it anew: visiontrain run run.yaml --on slurm'],
    });
  // Jobs that share a node have different numbers, and so different ports.
  const meeting = `${hostname()}:${20_000 + (Number(job) % 20_000)}`;
  const variables = { [NODE_VARIABLE]: '0', [RENDEZVOUS_VARIABLE]: meeting };
  const program = [process.execPath, join(packageRoot(), 'bin', 'visiontrain'), 'slurm', 'node'];
  const begin = ({ dir }: RunRef) =>
    startOnOtherNodes(nodes, [...program, dir], { ...env, [RENDEZVOUS_VARIABLE]: meeting });
  return { env: variables, begin };
}

/** Waits for SIGUSR2, with which Slurm announces the time limit, as the job script requests. */
function timeLimit({ dir, name }: RunRef, talk: (line: string) => void) {
  let isReached = false;
  let isOurs = false;
  const save = () => {
    if (isOurs && isReached) makeRequest(dir, 'stop');
  };
  const onSignal = () => {
    if (!isReached) talk(`The time of the job is almost over: ${name} is saved, and goes on in its next turn.`);
    isReached = true;
    save();
  };
  process.on('SIGUSR2', onSignal);
  return {
    reached: () => isReached,
    owns: () => {
      isOurs = true;
      save();
    },
    release: () => void process.removeListener('SIGUSR2', onSignal),
  };
}

async function putBack(job: string, { out, env }: Context): Promise<ExitCode> {
  const answer = await requeue(job, env);
  if (answer.code === 0) out.talk(`Job ${job} waits for its next turn.`);
  else {
    out.talk(`Slurm did not put job ${job} back:`);
    for (const line of answerLines(answer)) out.talk(`  ${line}`);
    out.talk('  The run is saved: submit its slurm.sh once more, or visiontrain resume.');
  }
  return EXIT.stopped;
}
