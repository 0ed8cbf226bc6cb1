/**
 * A run as a job of a real Slurm with two nodes: its time is over, it is preempted, and the file has the bytes of the run
 * that was never touched. Skipped where Slurm's daemons are not installed.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readState } from '../../src/engine/events/state.ts';
import { readExit } from '../../src/engine/run-folder/run-files.ts';
import { sweepNames } from '../../src/engine/search/folder.ts';
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

  /** The run waits at the checkpoint of this step until another is named: whatever is done to it comes in time. */
  const holdAt = (step: number) => writeFileSync(join(place.dir, 'hold'), String(step));
  const hook = () => {
    const line = `while [ "$(cat '${join(place.dir, 'hold')}')" = "$VISIONTRAIN_STEP" ]; do sleep 0.1; done`;
    return ['--set', `hooks.on_checkpoint=[{run: ${JSON.stringify(line)}, must: true, timeout: 600}]`, '--allow-hooks'];
  };
  const isHeldAt = (dir: string, step: number) => () => readState(dir).step === step;

  it('is saved before its time limit, preempted and loses its node, and comes to the same bytes', async () => {
    const threads = ['--set', 'resources.threads=1'];
    const whole = await place.visiontrain('run', 'run.yaml', ...threads, '--name', 'whole', '--no-input', '--plain');
    expect(whole.code, whole.stderr).toBe(0);
    holdAt(10);
    const submitted = await place.visiontrain('run', 'run.yaml', '--name', 'job', ...hook(), ...job);
    expect(submitted.code, submitted.stderr).toBe(0);
    const dir = join(runs, 'job');
    const id = readJob(dir)?.job as number;
    expect(submitted.stderr).toContain(`job is job ${id} of Slurm.`);
    await until(isHeldAt(dir, 10));
    // What Slurm sends before the time limit.
    slurm.run('scancel', '--batch', '--signal=USR2', String(id));
    await until(() => existsSync(join(dir, 'control', 'stop')));
    holdAt(20);
    await until(isHeldAt(dir, 20));
    expect(readFileSync(join(dir, 'slurm.log'), 'utf8')).toContain('waits for its next turn');
    // A job of a partition that goes before: Slurm ends ours at once and puts it back.
    const urgent = ['--partition=urgent', '--nodes=2', '--exclusive', '--output=/dev/null', '--wrap=sleep 1'];
    slurm.run('sbatch', ...urgent);
    await until(() => stateOf(id) !== 'RUNNING');
    holdAt(30);
    await until(isHeldAt(dir, 30));
    const node = slurm.run('squeue', '--noheader', '--jobs', String(id), '--format', '%N').trim();
    slurm.loseNode(node, id);
    holdAt(0);
    await until(() => readExit(dir)?.status === 'finished');
    await until(() => stateOf(id) === '' || stateOf(id) === 'COMPLETED');
    const shown = slurm.run('scontrol', 'show', 'job', String(id));
    expect(shown).toMatch(/Restarts=3 .*ExitCode=0:0/);
    expect(shown).toContain(`NodeList=${node === 'a' ? 'b' : 'a'}`);
    expect(readExit(dir)?.outputs[0]?.sha256).toBe(readExit(join(runs, 'whole'))?.outputs[0]?.sha256);
  }, 900_000);

  it('of a sweep is one of an array, and the last to end compares them', async () => {
    const sweep = ['--sweep', 'training.rank=2,4', '--set', 'resources.threads=1'];
    const words = job.filter((word) => word !== '--detach');
    const queued = await place.visiontrain('queue', 'add', 'run.yaml', '--name', 'swept', ...sweep, ...words);
    expect(queued.code, queued.stderr).toBe(0);
    const [group = ''] = sweepNames(runs);
    const table = join(runs, '.sweeps', group, 'compare.txt');
    await until(() => existsSync(join(runs, '.sweeps', group, 'compare.html')));
    expect(readFileSync(table, 'utf8')).toMatch(new RegExp(`^${group}: 2 runs`, 'u'));
    const outputs = ['swept-rank2', 'swept-rank4', 'whole'].map((name) => readExit(join(runs, name))?.outputs[0]);
    // The file says rank 4.
    expect(outputs[1]?.sha256).toBe(outputs[2]?.sha256);
    expect(outputs[0]?.sha256).not.toBe(outputs[2]?.sha256);
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
