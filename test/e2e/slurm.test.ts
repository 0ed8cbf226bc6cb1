/**
 * A run as a job of a real Slurm with four nodes: it reaches its time limit, it is preempted, its node dies, or only the
 * daemon of its node, and the file has the bytes of an undisturbed run. Skipped where Slurm's daemons are not installed.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readExit } from '../../src/engine/run-folder/run-files.ts';
import { sweepNames } from '../../src/engine/search/folder.ts';
import { readJob } from '../../src/engine/slurm/record.ts';
import { until } from '../helpers/fixture-run.ts';
import { drawImages, newPlace, writeSpec } from '../helpers/real-trainer.ts';
import { NODES, noSlurm, Slurm } from '../helpers/slurm.ts';

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
  /** What the controller knows of a job; also of one that is over, which squeue does not show. */
  const shown = (id: number) => slurm.run('scontrol', '--oneliner', 'show', 'job', String(id));
  const nodeOf = (id: number) => / NodeList=(\w+)/u.exec(shown(id))?.[1] as string;
  const stateOf = (id: number) => /JobState=(\w+)/u.exec(shown(id))?.[1];

  const mark = (name: string) => join(place.dir, name);
  const log = (run: string) => readFileSync(join(runs, run, 'slurm.log'), 'utf8');
  const marked = (name: string) => () => existsSync(mark(name));
  const setMark = (name: string) => writeFileSync(mark(name), '');
  /** Says that the run is at one of these checkpoints, and holds it there: it comes no further than to the next one. */
  const hook = () => {
    const at = `'${place.dir}'/held-$VISIONTRAIN_STEP`;
    const wait = `while [ ! -e '${place.dir}'/go-$VISIONTRAIN_STEP ]; do sleep 0.1; done`;
    const line = `case $VISIONTRAIN_STEP in 10|20|25|30) touch ${at}; ${wait};; esac`;
    const hooks = `hooks.on_checkpoint=[{run: ${JSON.stringify(line)}, must: true, timeout: 3600}]`;
    return ['--set', hooks, '--allow-hooks'];
  };

  it('is told of its time limit, preempted and loses its node twice, and comes to the same bytes', async () => {
    const threads = ['--set', 'resources.threads=1'];
    const whole = await place.visiontrain('run', 'run.yaml', ...threads, '--name', 'whole', '--no-input', '--plain');
    expect(whole.code, whole.stderr).toBe(0);
    const submitted = await place.visiontrain('run', 'run.yaml', '--name', 'job', ...hook(), ...job);
    expect(submitted.code, submitted.stderr).toBe(0);
    const dir = join(runs, 'job');
    const id = readJob(dir)?.job as number;
    expect(submitted.stderr).toContain(`job is job ${id} of Slurm.`);
    await until(marked('held-10'));
    // The signal that Slurm sends before the time limit. The request stays until the run is saved, which the hook holds up.
    slurm.run('scancel', '--batch', '--signal=USR2', String(id));
    await until(() => existsSync(join(dir, 'control', 'stop')));
    expect(log('job')).toContain('The time of the job is almost over');
    setMark('go-10');
    await until(marked('held-20'));
    // A job of a partition with priority: Slurm ends ours and puts it back. It needs all nodes, so when it has begun,
    // nothing of ours is left; and ours comes back only when it is over.
    const wrap = `touch '${mark('urgent')}'; while [ ! -e '${mark('over')}' ]; do sleep 0.1; done`;
    const all = ['--partition=urgent', `--nodes=${NODES.length}`, '--exclusive', '--output=/dev/null'];
    slurm.run('sbatch', ...all, `--wrap=${wrap}`);
    await until(marked('urgent'));
    await until(() => stateOf(id) === 'PENDING');
    setMark('go-20');
    setMark('over');
    // A trainer that is told to stop may do some steps more, and leave the mark of step 25 in the turn before.
    await until(() => log('job').includes('is here for the 3. time') && stateOf(id) === 'RUNNING');
    await until(marked('held-25'));
    const first = nodeOf(id);
    slurm.loseNode(first, id);
    setMark('go-25');
    await until(() => log('job').includes('is here for the 4. time') && stateOf(id) === 'RUNNING');
    await until(marked('held-30'));
    // The trainer of this turn lives on, and the next turn takes the run from it.
    const second = nodeOf(id);
    slurm.loseDaemon(second);
    await until(() => log('job').includes(`The turn before of job ${id} still trains job`));
    setMark('go-30');
    await until(() => readExit(dir)?.status === 'finished');
    await until(() => stateOf(id) === 'COMPLETED');
    expect(shown(id)).toMatch(/Restarts=4 .*ExitCode=0:0/);
    expect(new Set([first, second, nodeOf(id)]).size).toBe(3);
    expect(readExit(dir)?.outputs[0]?.sha256).toBe(readExit(join(runs, 'whole'))?.outputs[0]?.sha256);
  }, 1_800_000);

  it('of a sweep is one of an array, and the last to end compares them', async () => {
    // This one goes on meanwhile. It holds its step 10 until Slurm itself has told it that its time is almost over.
    const wait = `[ $VISIONTRAIN_STEP -ne 10 ] || until [ -e '${join(runs, 'timed', 'control', 'stop')}' ]; do sleep 0.1; done`;
    const hooks = `hooks.on_checkpoint=[{run: ${JSON.stringify(wait)}, must: true, timeout: 3600}]`;
    const limit = ['--slurm', 'time=00:04:00', '--slurm', 'grace=180', '--set', hooks, '--allow-hooks'];
    const timed = await place.visiontrain('run', 'run.yaml', '--name', 'timed', ...limit, ...job);
    expect(timed.code, timed.stderr).toBe(0);
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
  }, 1_800_000);

  it('is saved before the time limit that Slurm keeps, and comes to the same bytes', async () => {
    await until(() => readExit(join(runs, 'timed'))?.status === 'finished');
    expect(log('timed')).toMatch(/The time of the job is almost over[\s\S]* waits for its next turn/u);
    expect(readExit(join(runs, 'timed'))?.outputs[0]?.sha256).toBe(readExit(join(runs, 'whole'))?.outputs[0]?.sha256);
  }, 1_800_000);

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
