/** Carries out `queue add … --on slurm`: one array of jobs, with a job for each run. Slurm itself is the queue. */
import { join } from 'node:path';
import { EXIT, type ExitCode, UsageError } from '../../../base/errors.ts';
import { writeFileAtomic } from '../../../base/files/atomic.ts';
import { makeFolder } from '../../../base/files/folder.ts';
import { packageVersion } from '../../../base/package-root.ts';
import { plural } from '../../../base/text.ts';
import type { LoadedSpec } from '../../../engine/prepare/load.ts';
import type { RunRef } from '../../../engine/runs/create.ts';
import { keepSweep, sweepGroup } from '../../../engine/search/folder.ts';
import { submit } from '../../../engine/slurm/commands.ts';
import { hardwareOfJob } from '../../../engine/slurm/hardware.ts';
import { readSlurmOptions } from '../../../engine/slurm/options.ts';
import { writeJob } from '../../../engine/slurm/record.ts';
import { jobScript, quoted } from '../../../engine/slurm/script.ts';
import type { Registry } from '../../../registry/catalogue/schema.ts';
import type { Context } from '../../shell/context.ts';
import { type Options, texts } from '../shared/options.ts';
import { makeRun } from '../shared/start-run.ts';
import { agreed, jobCommand, jobEnv } from './submit.ts';

export interface ArrayRun {
  readonly loaded: LoadedSpec;
  readonly name: string;
  /** The values of the run within its sweep; undefined for a run of none. */
  readonly values: Readonly<Record<string, unknown>> | undefined;
}

export async function submitArray(
  wanted: readonly ArrayRun[],
  { registry, options, context }: { readonly registry: Registry; readonly options: Options; readonly context: Context },
): Promise<ExitCode> {
  const { out, places, flags, env } = context;
  const [first] = wanted;
  if (first === undefined) return EXIT.ok;
  const nodes = first.loaded.spec.resources.nodes;
  if (wanted.some(({ loaded }) => loaded.spec.resources.nodes !== nodes))
    throw new UsageError('The jobs of an array have the same number of machines: sweep other keys.', {
      id: 'queue/sweep',
    });
  const slurm = readSlurmOptions(places.config, texts(options.slurm));
  const group = sweepGroup(places.runs);
  const isSweep = wanted.some(({ values }) => values !== undefined);
  if (isSweep) keepSweep(places.runs, group, { version: 1, name: first.loaded.spec.name, search: null });
  const runs: RunRef[] = [];
  for (const { loaded, name, values } of wanted) {
    const facts = values === undefined ? {} : { facts: { sweep: { group, values } } };
    const input = { ...loaded, registry, hardware: hardwareOfJob(slurm) };
    runs.push((await makeRun(input, { ...agreed(options), ...facts, name }, context)).run);
  }
  const folder = join(places.runs, '.slurm', group);
  makeFolder(folder, 0o700);
  const script = join(folder, 'slurm.sh');
  const text = jobScript({
    options: slurm,
    name: group,
    nodes,
    output: join(folder, 'slurm'),
    jobs: runs.length,
    about: [
      `Trains ${plural(runs.length, 'run')}, one in each job of this array. Written by visiontrain ${packageVersion()}.`,
      'Before its time limit a run is saved and its job put back into the line; it goes on to the same bytes.',
    ],
    env: jobEnv(context),
    body: [
      'runs=(',
      ...runs.map(({ dir }) => `  ${quoted(dir)}`),
      ')',
      `exec ${jobCommand('"${runs[$SLURM_ARRAY_TASK_ID]}"')}`,
    ],
  });
  writeFileAtomic(script, text);
  const job = await submit(script, env);
  for (const [task, { dir }] of runs.entries()) writeJob(dir, { job, task });
  const names = runs.map(({ name }) => name);
  if (flags.json) {
    out.json({ job: String(job), script, runs: names });
    return EXIT.ok;
  }
  out.talk(`${plural(runs.length, 'run')} as the array ${job} of Slurm.  visiontrain attach NAME`);
  for (const name of names) out.data(name);
  if (isSweep) out.talk(`When the last is over, they are compared:  visiontrain compare ${group}`);
  return EXIT.ok;
}
