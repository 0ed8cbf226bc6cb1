/** A person at a desk and a box: everything by the real command line, over a real sshd. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256OfText } from '../../../../src/base/files/hash.ts';
import { sweepNames } from '../../../../src/engine/search/folder.ts';
import { cli } from '../../../helpers/cli.ts';
import { FixtureHome, until } from '../../../helpers/fixture-run.ts';
import { Desk, noBoxes, type SshBox } from '../../../helpers/sshd.ts';

const root = join(import.meta.dirname, '../../../..');
let desk: Desk;
let far: FixtureHome;
let box: SshBox;

/** Images in a folder whose name every shell would read as something else, and a run.yaml for them. */
const FOLDER = `it's "a" $(touch planted) \\ folder;`;

beforeAll(async () => {
  if (noBoxes !== undefined) return;
  far = new FixtureHome({});
  desk = new Desk();
  box = await desk.box({
    // The trainer on the box is slow enough to be watched.
    env: { VISIONTRAIN_PYTHON: far.env.VISIONTRAIN_PYTHON ?? '', FIXTURE_SECONDS: '0.1' },
  });
  cpSync(join(root, 'presets/tiny/lesson'), join(desk.dir, FOLDER), { recursive: true });
  mkdirSync(join(desk.dir, FOLDER, 'sub'));
  writeFileSync(join(desk.dir, FOLDER, 'sub', 'private.key'), 'not an image');
  writeFileSync(
    join(desk.dir, 'run.yaml'),
    `version: 1\nname: fox\ndataset: { path: ${JSON.stringify(FOLDER)}, trigger: zx, goal: character }\n` +
      'model: { base: tiny }\ntraining: { steps: 60 }\nsamples: { every: 0, prompts: [zx] }\n',
  );
});
afterAll(async () => {
  await desk?.remove();
  await far?.remove();
});

const go = (...words: string[]) => cli(words, desk.env, desk.dir);
const there = (...parts: string[]) => join(box.home, '.local/share/visiontrain', ...parts);

describe.skipIf(noBoxes !== undefined)(`a run on another machine${noBoxes === undefined ? '' : `: ${noBoxes}`}`, () => {
  it('is sent, started, watched, stopped, and comes home with every hash right', async () => {
    const added = await go('hosts', 'add', 'gpu1', box.target, '-p', `${box.port}`, '--json');
    expect(JSON.parse(added.stdout).hosts[0]).toMatchObject({ name: 'gpu1', reached: true, error: null });
    const { stdout, stderr } = await go('run', 'run.yaml', '--on', 'gpu1', '--detach', '--set', 'training.steps=2000');
    expect([stdout, stderr]).toEqual(['', expect.stringContaining('gpu1:fox is running.')]);
    expect(stderr).toContain('Sending 40 files');
    // Only the images and captions have arrived, and no shell has read the name of their folder.
    const [tree = ''] = readdirSync(there('sent/trees'));
    expect(readdirSync(there('sent/trees', tree))).toEqual([FOLDER]);
    expect(readdirSync(there('sent/trees', tree, FOLDER)).length).toBe(40);
    expect(readdirSync(box.home).concat(readdirSync(desk.dir))).not.toContain('planted');

    const all = JSON.parse((await go('ps', '--all', '--json')).stdout);
    expect(all).toMatchObject([{ name: 'gpu1:fox', state: 'live', steps: 2000 }]);
    const live = await go('fetch', 'gpu1:fox');
    expect(live.stderr).toContain('It still trains on gpu1');
    expect(readdirSync(join(desk.dir, 'home/runs/fox')).sort()).toEqual(['fetched.json', 'run.yaml']);
    expect((await go('ps', '--json')).stdout.trim()).toBe('[]');

    const stopped = await go('stop', 'gpu1:fox');
    expect([stopped.code, stopped.stderr]).toEqual([0, expect.stringContaining('fox is stopped at step')]);
    expect((await go('logs', 'gpu1:fox')).stdout).toContain('hello from the trainer');
    const fetched = JSON.parse((await go('fetch', 'gpu1:fox', '--json')).stdout).fetched[0];
    expect(fetched).toMatchObject({ name: 'fox', state: 'stopped', live: false });
    expect(JSON.parse((await go('ps', '--json')).stdout)).toMatchObject([{ name: 'fox', state: 'stopped' }]);
    const both = ['events.jsonl', 'plan.json', 'exit.json'].map((name) =>
      [join(desk.dir, 'home/runs/fox', name), there('runs/fox', name)].map((path) => readFileSync(path, 'utf8')),
    );
    for (const [here, over] of both) expect(sha256OfText(here ?? '')).toBe(sha256OfText(over ?? ' '));
    expect(statSync(join(desk.dir, 'home/runs/fox/plan.json')).mode & 0o077).toBe(0);
  }, 300_000);

  it('sends nothing twice, also when files have other names, and watches to the end', async () => {
    const { rename } = await import('node:fs/promises');
    await rename(join(desk.dir, FOLDER), join(desk.dir, 'plain'));
    const before = box.passed;
    const words = ['--name', 'again', '--set', 'dataset.path=plain', '--set', 'training.steps=3'];
    const { code, stdout, stderr } = await go('run', 'run.yaml', '--on', 'gpu1', ...words);
    expect(stderr).toContain('All 40 files (35.3 kB) are on gpu1 already.');
    // These bytes are questions, answers, the screen and the results; the program alone would be 26 MB.
    expect(box.passed - before).toBeLessThan(200_000);
    expect(stdout).toContain('step 3/3');
    expect([code, stderr]).toEqual([0, expect.stringContaining('every SHA-256 right')]);
    expect(JSON.parse((await go('status', 'again', '--json')).stdout)).toMatchObject({ state: 'finished', step: 3 });
    // A second run of that name gets a folder of its own, and so does the first when it is fetched anew.
    const twice = await go('fetch', 'gpu1:again', '--json');
    expect(JSON.parse(twice.stdout).fetched[0]).toMatchObject({ name: 'again', files: 0 });
  }, 300_000);

  it('waits in the queue of the box, which goes on by itself', async () => {
    const sweep = ['--sweep', 'training.rank=4,8', '--set', 'dataset.path=plain', '--set', 'training.steps=2'];
    const queued = await go('queue', 'add', 'run.yaml', '--on', 'gpu1', ...sweep, '--json');
    expect(JSON.parse(queued.stdout)).toMatchObject({
      started: ['gpu1:fox-rank4'],
      waiting: [{ run: 'gpu1:fox-rank8' }],
    });
    await until(() => existsSync(there('runs/fox-rank8/exit.json')));
    const [group = ''] = sweepNames(join(desk.dir, 'home/runs'));
    expect((await go('queue')).stderr).toContain(`${group}: fox on gpu1.`);
    expect((await go('fetch', 'gpu1:fox-rank4')).stderr).toContain(`1 of 2 runs of ${group} are here.`);
    expect((await go('fetch', group)).stderr).toContain(`All runs of ${group} are here: `);
    const table = readFileSync(join(desk.dir, 'home/runs/.sweeps', group, 'compare.txt'), 'utf8');
    expect(table).toMatch(new RegExp(`^${group}: 2 runs`, 'u'));
    const entry = there('runs/.queue/000900.json');
    writeFileSync(entry, JSON.stringify({ run: 'fox-rank4', device: 'cpu', attempts: 9, held: true }));
    const all = await go('queue', '--all', '--json');
    expect(JSON.parse(all.stdout).waiting).toMatchObject([
      { run: 'gpu1:fox-rank4', device: 'cpu', state: 'held back' },
    ]);
    rmSync(entry);
    const after = await go('queue', 'add', 'run.yaml', '--on', 'gpu1', '--after', 'fox');
    expect([after.code, after.stderr]).toEqual([
      2,
      expect.stringContaining('--after is for the queue of this machine'),
    ]);
  }, 300_000);

  it('refuses in the words of the box, and leaves on this machine what belongs there', async () => {
    const taken = await go('run', 'run.yaml', '--on', 'gpu2');
    expect([taken.code, taken.stderr]).toEqual([
      2,
      expect.stringContaining('There is no box gpu2. Did you mean gpu1?'),
    ]);
    const hook = ['--set', 'dataset.path=plain', '--set', 'hooks.on_finish=[{run: ["echo", "done"]}]'];
    const refused = await go('run', 'run.yaml', '--on', 'gpu1', ...hook);
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('gpu1: This run has hooks')]);
    const local = ['--set', 'dataset.path=plain', '--set', 'hooks.on_finish=[{run: ["./done.sh"]}]'];
    expect((await go('run', 'run.yaml', '--on', 'gpu1', ...local)).stderr).toContain('./done.sh, which is only on');
    expect((await go('status', 'gpu1:nothing')).stderr).toContain('There is no run nothing');
  }, 300_000);
});
