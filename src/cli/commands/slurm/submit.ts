/** Carries out `run FILE --on slurm`: makes the run, writes its job script, submits it, and follows the run folder. */
import { join } from 'node:path';
import { EnvironmentError, EXIT, type ExitCode, UsageError } from '../../../base/errors.ts';
import { writeFileAtomic } from '../../../base/files/atomic.ts';
import { lastLogLines } from '../../../base/files/log-lines.ts';
import { packageRoot, packageVersion } from '../../../base/package-root.ts';
import { pause } from '../../../base/sleep.ts';
import { eventsEnd } from '../../../engine/events/tail.ts';
import type { LoadedSpec } from '../../../engine/prepare/load.ts';
import { RUN_FILES } from '../../../engine/run-folder/layout.ts';
import { readExit } from '../../../engine/run-folder/run-files.ts';
import type { RunRef } from '../../../engine/runs/create.ts';
import { runCondition } from '../../../engine/runs/summary.ts';
import { isOver, jobState, submit } from '../../../engine/slurm/commands.ts';
import { hardwareOfJob } from '../../../engine/slurm/hardware.ts';
import { readSlurmOptions, type SlurmOptions } from '../../../engine/slurm/options.ts';
import { jobName, type SlurmRecord, writeJob } from '../../../engine/slurm/record.ts';
import { cardsOfJob, jobScript, quoted } from '../../../engine/slurm/script.ts';
import type { Registry } from '../../../registry/catalogue/schema.ts';
import type { Context } from '../../shell/context.ts';
import { type Options, text, texts } from '../shared/options.ts';
import { makeRun, showPlan } from '../shared/start-run.ts';
import { leaveOnInterrupt } from '../shared/steps/stop-signals.ts';
import { watchRun } from '../shared/watch.ts';

/** Milliseconds between two checks of a waiting job. */
const LOOK_MS = 5_000;

export interface RunToSubmit {
  readonly loaded: LoadedSpec;
  readonly registry: Registry;
  readonly name: string | undefined;
}

export async function runOnSlurm(wanted: RunToSubmit, options: Options, context: Context): Promise<ExitCode> {
  const { out, places, flags, env } = context;
  if (options.foreground === true)
    throw new UsageError('--foreground is for runs on this machine: leave out --on slurm.', { id: 'command/wrong' });
  const slurm = readSlurmOptions(places.config, texts(options.slurm));
  const input = { ...wanted.loaded, registry: wanted.registry, hardware: hardwareOfJob(slurm) };
  const about = unusedCards(wanted.loaded, slurm);
  if (about !== undefined && !flags.json) out.wrapped(`! ${about}`);
  if (options.dryRun === true) return showPlan(input, { torch: undefined }, context);
  const { run } = await makeRun(input, { ...agreed(options), name: wanted.name }, context);
  const script = writeScript(run, slurm, wanted.loaded.spec.resources.nodes, context);
  const record = { job: await submit(script, env), task: null };
  writeJob(run.dir, record);
  if (flags.json && options.detach === true) out.json({ run: run.name, dir: run.dir, job: jobName(record) });
  else {
    out.talk(`${run.name} is job ${jobName(record)} of Slurm.`);
    for (const what of ['attach', 'stop']) out.talk(`  visiontrain ${what} ${run.name}`);
  }
  return options.detach === true ? EXIT.ok : followJob(run, record, context);
}

/** The person's consents by flags, as in `run`. */
export const agreed = (options: Options) => ({
  acceptLicense: options.acceptLicense === true,
  allowHooks: options.allowHooks === true,
  sendPictures: options.sendPictures === true,
  torch: text(options.torch),
});

/** A warning when a job requests more cards than the run uses; undefined otherwise. */
export function unusedCards({ spec }: LoadedSpec, slurm: SlurmOptions): string | undefined {
  const cards = cardsOfJob(slurm);
  return cards > 1 && spec.resources.devices === 'auto'
    ? `the job asks for ${cards} cards, and one of them trains: --set resources.devices=all`
    : undefined;
}

/** The command that trains a run in a job, quoted for the shell. */
export const jobCommand = (run: string): string =>
  [...[process.execPath, join(packageRoot(), 'bin', 'visiontrain'), 'slurm', 'job'].map(quoted), run].join(' ');

/** Variables that give the nodes the same folders of ours. */
export const jobEnv = ({ places, env }: Context): Record<string, string> => ({
  VISIONTRAIN_HOME: places.home,
  ...(env.VISIONTRAIN_PYTHON === undefined ? {} : { VISIONTRAIN_PYTHON: env.VISIONTRAIN_PYTHON }),
});

/** Writes the job script of a run into its folder. Returns its path. */
export function writeScript(run: RunRef, options: SlurmOptions, nodes: number, context: Context): string {
  const path = join(run.dir, RUN_FILES.slurmScript);
  writeFileAtomic(path, scriptOf(run, options, nodes, context));
  return path;
}

/** The job script of a run. It names the run's folder, so that it may lie anywhere. */
export const scriptOf = ({ name, dir }: RunRef, options: SlurmOptions, nodes: number, context: Context): string =>
  jobScript({
    options,
    name,
    nodes,
    output: join(dir, 'slurm'),
    about: [
      `Trains ${name}. Written by visiontrain ${packageVersion()}.`,
      'Before its time limit the run is saved and the job put back into the line; it goes on to the same bytes.',
    ],
    env: jobEnv(context),
    body: [`exec ${jobCommand(quoted(dir))}`],
  });

/** Follows a run through all states of its job: waiting, training, put back. Returns the exit code of the run. */
export async function followJob(run: RunRef, record: SlurmRecord, context: Context): Promise<ExitCode> {
  const { out, env } = context;
  const job = jobName(record);
  let announced = '';
  let from = eventsEnd(run.dir);
  const leave = leaveOnInterrupt();
  try {
    for (;;) {
      if (runCondition(run.dir).state === 'live') {
        const code = await watchRun(run, context, { from });
        from = eventsEnd(run.dir);
        if (runCondition(run.dir).state === 'live' || code === EXIT.ok) return code;
      }
      const state = await jobState(job, env);
      if (runCondition(run.dir).state === 'live') continue;
      if (state === undefined || isOver(state)) return endOfJob(run, job, state?.state, context);
      const words = `${state.state}${state.reason === '' ? '' : ` (${state.reason})`}`;
      if (words !== announced) out.talk(`Slurm: job ${job} is ${words}`);
      announced = words;
      if (leave.signal.aborted) {
        out.talk(`The job goes on.  visiontrain attach ${run.name}`);
        return EXIT.cancelled;
      }
      await pause(LOOK_MS, leave.signal);
    }
  } finally {
    leave.off();
  }
}

/**
 * The exit code after the job ended.
 * @throws EnvironmentError when the job ended and the run did not say why
 */
export function endOfJob({ dir, name }: RunRef, job: string, state: string | undefined, { out }: Context): ExitCode {
  const exit = readExit(dir);
  if (exit !== null) {
    if (exit.status === 'stopped') out.talk(`  visiontrain run is over; visiontrain resume ${name} goes on here.`);
    return exit.code as ExitCode;
  }
  throw new EnvironmentError(
    state === undefined
      ? `Slurm does not know job ${job} any more, and ${name} did not begin.`
      : `Job ${job} ended as ${state}, and ${name} did not say why.`,
    {
      id: 'slurm/job-ended',
      details: lastLogLines(join(dir, RUN_FILES.slurmLog), 10),
      nextSteps: [
        `What the job printed is in ${join(dir, RUN_FILES.slurmLog)}`,
        `visiontrain resume ${name}   goes on here`,
      ],
    },
  );
}
