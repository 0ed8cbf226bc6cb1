/**
 * Jobs as files: `export slurm`, `export skypilot`, and the array of a sweep. A stand-in for sbatch answers with a job
 * number.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readJob } from '../../../src/engine/slurm/record.ts';
import { parseYaml } from '../../../src/spec/yaml-tree.ts';
import { cli } from '../../helpers/cli.ts';

const dir = mkdtempSync(join(tmpdir(), 'visiontrain-jobs-'));
const runs = join(dir, 'home', 'runs');
const env = { ...process.env, VISIONTRAIN_HOME: join(dir, 'home'), PATH: `${join(dir, 'bin')}:${process.env.PATH}` };
beforeAll(() => {
  cpSync(join(import.meta.dirname, '../../../presets/tiny/lesson'), join(dir, "ann's art"), { recursive: true });
  mkdirSync(join(dir, 'bin'));
  writeFileSync(join(dir, 'bin', 'sbatch'), `#!/bin/sh\ncp "$2" '${dir}/submitted'\necho 4711\n`);
  chmodSync(join(dir, 'bin', 'sbatch'), 0o755);
  writeFileSync(
    join(dir, 'run.yaml'),
    `version: 1
name: fox
dataset: { path: "ann's art", trigger: zx, goal: concept }
model: { base: tiny }
training: { steps: 20, batch_size: 2, rank: 4, alpha: 4 }
samples: { every: 0, prompts: [zx] }
`,
  );
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The command that the last line of a job would run, with the variables that Slurm sets. */
const wordsOf = (script: string, given: NodeJS.ProcessEnv = {}) =>
  execFileSync('bash', ['-c', script.replace(/\bexec /gu, 'printf "%s\\n" ')], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: '/home/ann', ...given },
  })
    .trim()
    .split('\n');

describe('jobs as files', () => {
  it('export slurm makes the run and its job, and starts nothing', async () => {
    const { code, stdout, stderr } = await cli(
      ['export', 'slurm', 'run.yaml', '--name', 'job', '--slurm', 'gres=null', '--json'],
      env,
      dir,
    );
    expect(code, stderr).toBe(0);
    const { path } = JSON.parse(stdout);
    expect(path).toBe(join(runs, 'job', 'slurm.sh'));
    const script = readFileSync(path, 'utf8');
    expect(script).toContain('#SBATCH --requeue\n');
    expect(wordsOf(script).slice(2)).toEqual(['slurm', 'job', join(runs, 'job')]);
    expect(existsSync(join(dir, 'submitted'))).toBe(false);
    const words = ['export', 'slurm', 'run.yaml', '--name', 'away', '--slurm', 'gres=null', '--to', 'jobs'];
    const there = await cli(words, env, dir);
    expect(there.code, there.stderr).toBe(0);
    expect(there.stdout.trim()).toBe(join('jobs', 'away.slurm.sh'));
    expect(wordsOf(readFileSync(join(dir, 'jobs', 'away.slurm.sh'), 'utf8')).at(-1)).toBe(join(runs, 'away'));
    expect(existsSync(join(runs, 'away', 'slurm.sh'))).toBe(false);
    const again = await cli(words, env, dir);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('is there already')]);
    expect((await cli(['export', 'job', 'more'], env, dir)).stderr).toContain('more is one word too many');
  });

  it('export skypilot writes a task that begins the run, or goes on with it, with everything at its place there', async () => {
    const { code, stderr } = await cli(['export', 'skypilot', 'run.yaml', '--set', 'resources.devices=2'], env, dir);
    expect(code, stderr).toBe(0);
    const path = join(dir, 'fox.sky.yaml');
    const { value, problems } = parseYaml(readFileSync(path, 'utf8'));
    expect(problems).toEqual([]);
    const task = value as { name: string; resources: { accelerators: object }; file_mounts: object; run: string };
    expect(task.name).toBe('fox');
    expect(task.resources.accelerators).toMatchObject({ L4: 2, A100: 2 });
    expect(task.file_mounts).toEqual({
      '~/visiontrain-in/run.yaml': join(dir, 'run.yaml'),
      "~/visiontrain-in/0/ann's art": join(dir, "ann's art"),
    });
    const words = wordsOf(task.run);
    expect(words.slice(0, 5)).toEqual([
      ...['/home/ann/visiontrain-program/bin/visiontrain', 'run', '/home/ann/visiontrain-in/run.yaml'],
      ...['--name', 'fox'],
    ]);
    const place = words.find((word) => word.startsWith('dataset.path='))?.slice('dataset.path='.length) ?? '';
    expect(parseYaml(place).value).toBe("/home/ann/visiontrain-in/0/ann's art");
    expect(words.slice(-5)).toEqual([
      ...['--foreground', '--no-input', '--plain', '--workspace', '/home/ann/visiontrain-runs'],
    ]);
    mkdirSync(join(dir, 'visiontrain-runs', 'fox'), { recursive: true });
    writeFileSync(join(dir, 'visiontrain-runs', 'fox', 'plan.json'), '{}');
    expect(wordsOf(task.run, { HOME: dir })[1]).toBe('resume');
    const again = await cli(['export', 'skypilot', 'run.yaml'], env, dir);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('is there already')]);
  });

  it('a sweep is one array of jobs, each of which trains its own run', async () => {
    const sweep = ['--sweep', 'training.rank=2,4,8', '--on', 'slurm', '--slurm', 'gres=null', '--slurm', 'at_once=2'];
    const { code, stdout, stderr } = await cli(['queue', 'add', 'run.yaml', ...sweep, '--json'], env, dir);
    expect(code, stderr).toBe(0);
    const told = JSON.parse(stdout);
    expect(told).toMatchObject({ job: '4711', runs: ['fox-rank2', 'fox-rank4', 'fox-rank8'] });
    const script = readFileSync(join(dir, 'submitted'), 'utf8');
    expect(script).toContain('#SBATCH --array=0-2%2\n');
    const task = (id: number) => wordsOf(script, { SLURM_ARRAY_TASK_ID: String(id) }).at(-1);
    expect([0, 1, 2].map(task)).toEqual(told.runs.map((name: string) => join(runs, name)));
    expect(readJob(join(runs, 'fox-rank8'))).toEqual({ job: 4711, task: 2 });
    const after = await cli(['queue', 'add', 'run.yaml', '--on', 'slurm', '--after', 'job'], env, dir);
    expect([after.code, after.stderr]).toEqual([2, expect.stringContaining('--after is for the queue')]);
  });
});
