/**
 * What a job requests from the cluster: `slurm.yaml` in the person's settings folder, and `--slurm key=value` over it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../../base/errors.ts';
import { isMissing } from '../../base/files/fs-errors.ts';
import { issueWords } from '../../base/issue-words.ts';
import { parseYaml } from '../../spec/yaml-tree.ts';

const word = (what: string) =>
  z
    .string()
    .max(200)
    .regex(/^[A-Za-z0-9_.:,&|*@+=/[\]()-]+$/u, `must be ${what}`);

/** Options of sbatch that the job script sets itself, or that would change what a job is. */
const OURS = [
  ...['job-name', 'output', 'error', 'open-mode', 'signal', 'requeue', 'no-requeue', 'nodes', 'ntasks', 'array'],
  ...['ntasks-per-node', 'wrap', 'chdir', 'parsable', 'wait', 'partition', 'account', 'qos', 'time', 'gres', 'mem'],
  ...['cpus-per-task', 'constraint', 'export', 'export-file', 'input', 'test-only', 'uid', 'gid'],
];

const extraLine = z
  .string()
  .max(500)
  // The line follows #SBATCH, so a line break would begin another option.
  .regex(/^--[a-z][a-z0-9-]*(=[ -~]*)?$/u, 'must be one option of sbatch, such as --mail-type=END')
  .refine((line) => !OURS.includes(line.slice(2).split('=')[0] ?? ''), {
    message: 'names an option that has a key of its own, or that visiontrain sets',
  });

export const slurmSchema = z.strictObject({
  partition: word('the name of a partition').nullable().default(null),
  account: word('the name of an account').nullable().default(null),
  qos: word('a quality of service').nullable().default(null),
  constraint: word('a constraint of nodes').nullable().default(null),
  /** The formats of a time limit in Slurm. */
  time: z
    .union([z.number().int().min(1), z.string().regex(/^(\d{1,4}-)?\d{1,4}(:\d{2}){0,2}$/u)])
    .transform(String)
    .nullable()
    .default(null),
  /** Generic resources of each node; null for a job on processors. */
  gres: word('generic resources, such as gpu:2').nullable().default('gpu:1'),
  cpus: z.number().int().min(1).max(1024).default(8),
  memory: z
    .union([z.number().int().min(0), z.string().regex(/^\d+[KMGT]?$/u, 'must be a size, such as 32G')])
    .transform(String)
    .nullable()
    .default(null),
  /** Seconds before the time limit at which the run is saved and the job is put back into the queue. */
  grace: z.number().int().min(10).max(65_535).default(180),
  /** Most jobs of a sweep that run at the same time; null for as many as the cluster allows. */
  at_once: z.number().int().min(1).max(10_000).nullable().default(null),
  modules: z.array(word('the name of a module')).max(50).default([]),
  extra: z.array(extraLine).max(50).default([]),
});

export type SlurmOptions = z.infer<typeof slurmSchema>;

export const SLURM_FILE = 'slurm.yaml';

/**
 * Reads the options.
 * @throws ConfigError with all problems in the file or the flags
 */
export function readSlurmOptions(config: string, overrides: readonly string[]): SlurmOptions {
  const path = join(config, SLURM_FILE);
  const values: Record<string, unknown> = { ...fileValues(path) };
  const lists = new Map<string, unknown[]>();
  for (const text of overrides) {
    const equals = text.indexOf('=');
    const key = text.slice(0, Math.max(0, equals)).trim();
    const given = text.slice(equals + 1);
    if (equals < 1) throw wrong('--slurm', [{ key: text, message: 'is not key=value' }]);
    // Options of sbatch contain equals signs and colons of their own, so they are taken as one text.
    if (key === 'extra' || key === 'modules') lists.set(key, [...(lists.get(key) ?? []), given]);
    else values[key] = parseYaml(given).value ?? (given === 'null' ? null : given);
  }
  for (const [key, list] of lists) values[key] = list;
  const parsed = slurmSchema.safeParse(values);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => ({
    key: issue.path.join('.') || 'slurm',
    message: issueWords(issue),
  }));
  throw wrong(overrides.length > 0 ? `${SLURM_FILE} or --slurm` : path, problems);
}

function fileValues(path: string): object {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return {};
    throw error;
  }
  const { value, problems } = parseYaml(text);
  if (problems.length > 0)
    throw wrong(
      path,
      problems.map(({ message, line }) => ({ key: `line ${line}`, message })),
    );
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw wrong(path, [{ key: '', message: 'is no group of keys' }]);
  return value;
}

const wrong = (where: string, problems: readonly { key: string; message: string }[]) =>
  new ConfigError(
    `What the cluster is asked for cannot be understood (${where}).`,
    problems.map((each) => ({ file: where, ...each })),
    {
      id: 'slurm/settings',
      nextSteps: [
        `Keys: ${Object.keys(slurmSchema.shape).join(', ')}`,
        'visiontrain run run.yaml --on slurm --slurm time=4:00:00',
      ],
    },
  );
