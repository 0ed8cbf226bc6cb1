/**
 * A run as a job of a real Slurm with two nodes: its time is over, it is preempted, and the file has the bytes of the run
 * that was never touched. Skipped where Slurm's daemons are not installed.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readState } from '../../src/engine/events/state.ts';
import { readExit } from '../../src/engine/run-folder/run-files.ts';
import { readJob } from '../../src/engine/slurm/record.ts';
import { until } from '../helpers/fixture-run.ts';
import { drawImages, newPlace, writeSpec } from '../helpers/real-trainer.ts';
import { noSlurm, Slurm } from '../helpers/slurm.ts';

const why = noSlurm();
if (why !== undefined) console.warn(`Slurm is not tested: ${why}.`);

describe.skipIf(why !== undefined)('a run as a job of Slurm', () => {
  const slurm = new Slurm();
  const place = newPlace(slurm.env);
  const runs = join(place.dir, 'home', 'runs');
  beforeAll(async () => {
    drawImages(join(place.dir, 'balls'));
    writeSpec(join(place.dir, 'run.yaml'), './balls', 36);
    await slurm.start();
  });
  afterAll(async () => {
    await slurm.stop();
    place.remove();
  });

  const job = ['--on', 'slurm', '--slurm', 'gres=null', '--slurm', 'cpus=1', '--detach', '--no-input'];
  const stateOf = (id: number) => slurm.run('squeue', '--noheader', '--jobs', String(id), '--format', '%T').trim();

  it('is saved before its time limit and preempted, and comes to the same bytes', async () => {
    const whole = await place.visiontrain(
      'run',
      'run.yaml',
      '--set',
      'resources.threads=1',
      '--name',
      'whole',
      '--no-input',
      '--plain',
    );
    expect(whole.code, whole.stderr).toBe(0);
    const submitted = await place.visiontrain('run', 'run.yaml', '--name', 'job', ...job);
    expect(submitted.code, submitted.stderr).toBe(0);
    const dir = join(runs, 'job');
    const id = readJob(dir)?.job as number;
    expect(submitted.stderr).toContain(`job is job ${id} of Slurm.`);
    await until(() => readState(dir).step > 5);
    // What Slurm sends before the time limit.
    slurm.run('scancel', '--batch', '--signal=USR2', String(id));
    await until(() => readExit(dir)?.status === 'stopped');
    const saved = readState(dir).step;
    await until(() => readState(dir).step > saved + 5);
    // A job of a partition that goes before: Slurm ends ours at once and puts it back.
    const urgent = ['--partition=urgent', '--nodes=2', '--exclusive', '--output=/dev/null', '--wrap=sleep 1'];
    slurm.run('sbatch', ...urgent);
    await until(() => readExit(dir)?.status === 'finished');
    await until(() => stateOf(id) === '' || stateOf(id) === 'COMPLETED');
    expect(readFileSync(join(dir, 'slurm.log'), 'utf8')).toContain('waits for its next turn');
    expect(slurm.run('scontrol', 'show', 'job', String(id))).toMatch(/Restarts=2 .*ExitCode=0:0/);
    expect(readExit(dir)?.outputs[0]?.sha256).toBe(readExit(join(runs, 'whole'))?.outputs[0]?.sha256);
  }, 600_000);

  it('is cancelled while it waits, and says what Slurm refuses', async () => {
    const held = await place.visiontrain('run', 'run.yaml', '--name', 'held', ...job, '--slurm', 'extra=--hold');
    expect(held.code, held.stderr).toBe(0);
    const id = readJob(join(runs, 'held'))?.job as number;
    expect(stateOf(id)).toBe('PENDING');
    const stopped = await place.visiontrain('stop', 'held');
    expect(stopped.stderr).toContain(`its job ${id} of Slurm is cancelled`);
    const refused = await place.visiontrain('run', 'run.yaml', '--name', 'no', ...job, '--slurm', 'partition=nowhere');
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('Slurm refuses the job.');
    expect(refused.stderr).toContain('invalid partition specified: nowhere');
  }, 600_000);
});
