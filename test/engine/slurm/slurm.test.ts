/**
 * The resources of a job, its script, and Slurm's answers, given by stand-in programs that print what each case needs.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VisiontrainError } from '../../../src/base/errors.ts';
import { isOver, jobState, requeue, submit } from '../../../src/engine/slurm/commands.ts';
import { hardwareOfJob } from '../../../src/engine/slurm/hardware.ts';
import { readSlurmOptions, slurmSchema } from '../../../src/engine/slurm/options.ts';
import { cardsOfJob, jobScript, quoted } from '../../../src/engine/slurm/script.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-slurm-unit-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const standard = slurmSchema.parse({});
const job = {
  options: standard,
  name: 'fox',
  nodes: 1,
  output: '/runs/fox/slurm',
  about: ['Trains fox.'],
  env: { VISIONTRAIN_HOME: '/home/me' },
  body: [`exec ${quoted('/node')} ${quoted('/runs/fox')}`],
};

describe('resources of a job', () => {
  it('come from slurm.yaml, and --slurm overrides it', () => {
    writeFileSync(
      join(dir, 'slurm.yaml'),
      'partition: gpu\naccount: lab\ntime: 1-00:00:00\nextra: [--mail-type=END]\n',
    );
    const options = readSlurmOptions(dir, [
      'partition=long',
      'gres=gpu:a100:2',
      'extra=--nice=10',
      'extra=--comment=a b',
      'qos=null',
    ]);
    expect(options).toMatchObject({
      partition: 'long',
      account: 'lab',
      time: '1-00:00:00',
      gres: 'gpu:a100:2',
      qos: null,
      extra: ['--nice=10', '--comment=a b'],
    });
  });

  it.each([
    ['partition=a b', 'partition must be the name of a partition'],
    ['account=$(id)', 'account must be the name of an account'],
    ['time=soon', 'time'],
    ['gres=gpu:1;reboot', 'gres'],
    ['memory=-1', 'memory'],
    ['cpus=0', 'cpus'],
    ['extra=rm -rf /', 'extra.0 must be one option of sbatch'],
    ['extra=--nice=1\n#SBATCH --uid=0', 'extra.0 must be one option of sbatch'],
    ['extra=--output=/etc/passwd', 'extra.0 names an option that has a key of its own'],
    ['modules=cuda; reboot', 'modules.0 must be the name of a module'],
    ['partitoin=gpu', 'slurm must not have partitoin'],
    ['partition', 'partition is not key=value'],
  ])('are refused as %j', (text, words) => {
    try {
      readSlurmOptions(dir, [text]);
      expect.unreachable();
    } catch (error) {
      const { problems } = error as { problems: { key: string; message: string }[] };
      expect(problems.map(({ key, message }) => `${key} ${message}`).join('; ')).toContain(words);
    }
  });

  it.each(['- a', 'a: &b 1', 'partition: [', '1'])('are refused in the file %j', (text) => {
    writeFileSync(join(dir, 'slurm.yaml'), text);
    expect(() => readSlurmOptions(dir, [])).toThrow('cannot be understood');
  });

  it('include the cards of a node', () => {
    const counts = ['gpu', 'gpu:2', 'gpu:a100:4', 'gpu:a100:2,gpu:v100:1', 'lscratch:10', 'gpu:2(S:0-1)'];
    expect(counts.map((gres) => cardsOfJob({ gres }))).toEqual([1, 2, 4, 3, 0, 2]);
    expect(cardsOfJob({ gres: null })).toBe(0);
    expect(hardwareOfJob({ ...standard, gres: 'gpu:2' }).gpus.map(({ index }) => index)).toEqual([0, 1]);
  });
});

describe('the job script', () => {
  it('is what a person may read and submit', () => {
    const options = slurmSchema.parse({
      partition: 'gpu',
      time: '4:00:00',
      modules: ['cuda/12.6'],
      extra: ['--nice=5'],
    });
    expect(jobScript({ ...job, options })).toBe(`#!/bin/bash
# Trains fox.
#SBATCH --job-name=fox
#SBATCH --partition=gpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gres=gpu:1
#SBATCH --time=4:00:00
#SBATCH --signal=B:USR2@180
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output="/runs/fox/slurm.log"
#SBATCH --nice=5

set -u
module load 'cuda/12.6'
export VISIONTRAIN_HOME='/home/me'
exec '/node' '/runs/fox'
`);
  });

  it('passes each argument unchanged, whatever it contains, in a variable and as a word', () => {
    const odd = 'it\'s $(id) `id` \\ " ü\n!x';
    const script = jobScript({ ...job, env: { ODD: odd }, body: [`printf %s "$ODD" ${quoted(odd)}`] });
    expect(execFileSync('bash', ['-c', script], { encoding: 'utf8' })).toBe(odd + odd);
  });

  it('doubles percent signs in a path, and refuses characters that sbatch cannot be given', () => {
    expect(jobScript({ ...job, output: '/a b/100%/slurm' })).toContain('--output="/a b/100%%/slurm.log"');
    for (const path of ['/a"b', '/a\\b', '/a\nb'])
      expect(() => jobScript({ ...job, output: path })).toThrow(VisiontrainError);
    expect(jobScript({ ...job, about: ['a\n#SBATCH --uid=0'] })).toContain('# a #SBATCH --uid=0');
  });

  it('makes an array, with a limit on the jobs that run at once', () => {
    const options = slurmSchema.parse({ at_once: 2 });
    expect(jobScript({ ...job, options, jobs: 4 })).toContain('#SBATCH --array=0-3%2\n');
    expect(jobScript({ ...job, jobs: 4 })).toContain('--output="/runs/fox/slurm-%a.log"');
  });
});

/** Puts programs of these names and texts into a folder, which is the only one on the PATH. */
function programs(texts: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  for (const [name, text] of Object.entries(texts)) {
    writeFileSync(join(dir, name), `#!/bin/bash\n${text}\n`);
    chmodSync(join(dir, name), 0o755);
  }
  return { PATH: dir };
}
const caught = async (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: VisiontrainError) => error,
  );

describe("Slurm's answers", () => {
  it.each([
    ['echo 12', 12],
    ['echo "12;cluster"', 12],
    ['echo "Welcome to the cluster!"; echo 4711', 4711],
  ])('tell the number of a submitted job: %s', async (text, number) => {
    expect(await submit('/job.sh', programs({ sbatch: text }))).toBe(number);
  });

  it.each([
    [
      'echo "sbatch: error: Batch job submission failed: Invalid account" >&2; exit 1',
      'Slurm refuses the job.',
      'Invalid account',
    ],
    ['printf "\\033[31mno\\033[0m" >&2; exit 1', 'Slurm refuses the job.', 'no'],
    ['echo "Submitted, good luck"', 'sbatch did not say which job it made.', 'good luck'],
    ['exit 0', 'sbatch did not say which job it made.', undefined],
    ['kill -9 $$', 'Slurm refuses the job.', undefined],
  ])('tell why a job is refused: %s', async (text, message, detail) => {
    const error = await caught(submit('/job.sh', programs({ sbatch: text })));
    expect(error).toMatchObject({ message, id: 'slurm/refused' });
    expect(error?.details.join('\n')).not.toContain('\u001b');
    if (detail !== undefined) expect(error?.details.join('\n')).toContain(detail);
  });

  it('are missing where Slurm is', async () => {
    expect(await caught(submit('/job.sh', { PATH: dir }))).toMatchObject({ id: 'slurm/missing' });
  });

  it.each([
    ['echo "PENDING|Resources"', 'exit 1', { state: 'PENDING', reason: 'Resources' }],
    ['echo "PENDING|JobHeldUser"', 'exit 1', { state: 'PENDING', reason: 'JobHeldUser' }],
    ['echo "RUNNING|None"', 'exit 1', { state: 'RUNNING', reason: '' }],
    ['exit 1', 'echo "COMPLETED|None"', { state: 'COMPLETED', reason: '' }],
    ['exit 1', 'echo "CANCELLED by 1000|None"', { state: 'CANCELLED', reason: '' }],
    ['exit 0', 'echo "PREEMPTED|"', { state: 'PREEMPTED', reason: '' }],
    ['exit 1', 'echo "SPECIAL_NEW_STATE|x"', { state: 'SPECIAL_NEW_STATE', reason: 'x' }],
    // Accounting is off, or answers nonsense.
    ['exit 1', 'echo "Slurm accounting storage is disabled" >&2; exit 1', undefined],
    ['echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1', 'echo "what?"', undefined],
    ['head -c 100000 /dev/zero', 'exit 0', undefined],
  ])('tell the state of a job: %s / %s', async (squeue, sacct, state) => {
    programs({ squeue, sacct });
    expect(await jobState('12', { PATH: `${dir}:/usr/bin:/bin` })).toEqual(state);
  });

  it('suffice without sacct', async () => {
    expect(await jobState('12', programs({ squeue: 'exit 1' }))).toBeUndefined();
  });

  it('with an unknown state count as a job that goes on', () => {
    const over = ['COMPLETED', 'TIMEOUT', 'NODE_FAIL'].map((state) => isOver({ state, reason: '' }));
    const not = ['PENDING', 'REQUEUED', 'PREEMPTED', 'COMPLETING', 'NEW'].map((state) => isOver({ state, reason: '' }));
    expect([...over, ...not]).toEqual([true, true, true, false, false, false, false, false]);
  });

  it('put a job back by its number alone', async () => {
    const env = programs({ scontrol: `printf '%s ' "$@" > ${dir}/said` });
    expect((await requeue('12', env)).code).toBe(0);
    expect(readFileSync(join(dir, 'said'), 'utf8')).toBe('requeue 12 ');
  });
});
