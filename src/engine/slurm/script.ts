/** Makes the job script, which a person may read, keep and submit by hand. Pure. */
import { UsageError } from '../../base/errors.ts';
import type { SlurmOptions } from './options.ts';

export interface JobScript {
  readonly options: SlurmOptions;
  readonly name: string;
  readonly nodes: number;
  /** File for the job's own output; each job of an array appends its number to the name. */
  readonly output: string;
  /** Comment lines for a reader, without `#`. */
  readonly about: readonly string[];
  /** Number of jobs of an array; undefined for one job. */
  readonly jobs?: number | undefined;
  /** Variables that the job needs. */
  readonly env: Readonly<Record<string, string>>;
  /** Lines of shell that do the work; their words are quoted by `quoted`. */
  readonly body: readonly string[];
}

/** A word that the shell takes literally, whatever characters it has. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * The text of the script.
 * @throws UsageError for a path that sbatch cannot express
 */
export function jobScript(job: JobScript): string {
  const { options, about, env, body } = job;
  const lines = [
    '#!/bin/bash',
    ...about.map((line) => `# ${line.replaceAll(/[\p{Cc}]/gu, ' ')}`),
    ...directives(job).map((line) => `#SBATCH ${line}`),
    '',
    'set -u',
    ...options.modules.map((name) => `module load ${quoted(name)}`),
    ...Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}`),
    ...body,
    '',
  ];
  return lines.join('\n');
}

function directives({ options: o, name, nodes, output, jobs }: JobScript): string[] {
  const option = (flag: string, value: string | null) => (value === null ? [] : [`--${flag}=${value}`]);
  return [
    `--job-name=${name}`,
    ...option('partition', o.partition),
    ...option('account', o.account),
    ...option('qos', o.qos),
    ...option('constraint', o.constraint),
    `--nodes=${nodes}`,
    '--ntasks-per-node=1',
    `--cpus-per-task=${o.cpus}`,
    ...option('gres', o.gres),
    ...option('mem', o.memory),
    ...option('time', o.time),
    // Only the script's own process gets the signal: it saves the run and puts the job back into the queue.
    `--signal=B:USR2@${o.grace}`,
    '--requeue',
    '--open-mode=append',
    `--output="${outputName(output)}${jobs === undefined ? '' : '-%a'}.log"`,
    ...(jobs === undefined ? [] : [`--array=0-${jobs - 1}${o.at_once === null ? '' : `%${o.at_once}`}`]),
    ...o.extra,
  ];
}

/** A path in the notation of sbatch for file names: `%` begins a pattern, and quotes keep spaces. */
export function outputName(path: string): string {
  if (/["\\\p{Cc}]/u.test(path))
    throw new UsageError(`Slurm cannot write to ${path}: a quote, a backslash or a control character is in it.`, {
      id: 'slurm/path',
      nextSteps: ['Use another folder: --workspace DIR'],
    });
  return path.replaceAll('%', '%%');
}

/** Number of cards on each node, from `gres`: `gpu:a100:2` → 2, `gpu` → 1, none → 0. */
export function cardsOfJob({ gres }: Pick<SlurmOptions, 'gres'>): number {
  const parts = (gres ?? '').split(',').filter((part) => /^(?:gres[:/])?gpu(?=[:=]|$)/u.test(part));
  return parts.reduce((sum, part) => sum + Number(/[:=](\d+)(?:\(.*\))?$/u.exec(part)?.[1] ?? 1), 0);
}
