/** Connections that break, stall and come back, over a real sshd. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, startCli } from '../../../helpers/cli.ts';
import { FixtureHome, until } from '../../../helpers/fixture-run.ts';
import { png } from '../../../helpers/png.ts';
import { Desk, noBoxes, type SshBox } from '../../../helpers/sshd.ts';

let desk: Desk;
let far: FixtureHome;
let box: SshBox;
const BIG = 3_000_000;

beforeAll(async () => {
  if (noBoxes !== undefined) return;
  far = new FixtureHome({});
  desk = new Desk();
  box = await desk.box({ env: { VISIONTRAIN_PYTHON: far.env.VISIONTRAIN_PYTHON ?? '', FIXTURE_SECONDS: '0.01' } });
  mkdirSync(join(desk.dir, 'pictures'));
  for (let i = 0; i < 4; i += 1)
    writeFileSync(
      join(desk.dir, 'pictures', `${i}.png`),
      png(64, 64, (x, y) => [x * 3, y * 3, i * 60]),
    );
  writeFileSync(join(desk.dir, 'pictures', 'notes.json'), randomBytes(BIG));
  writeFileSync(
    join(desk.dir, 'run.yaml'),
    'version: 1\nname: fox\ndataset: { path: pictures, trigger: zx, goal: character }\n' +
      'model: { base: tiny }\ntraining: { steps: 5 }\nsamples: { every: 0, prompts: [zx] }\n',
  );
  await cli(['hosts', 'add', 'gpu1', box.target, '-p', `${box.port}`], desk.env, desk.dir);
});
afterAll(async () => {
  await desk?.remove();
  await far?.remove();
});

const go = (...words: string[]) => cli(words, desk.env, desk.dir);
const there = (...parts: string[]) => join(box.home, '.local/share/visiontrain', ...parts);

describe.skipIf(noBoxes !== undefined)(`a connection to a box${noBoxes === undefined ? '' : `: ${noBoxes}`}`, () => {
  it('that breaks again and again loses nothing, sends no byte of a file twice, and starts one run', async () => {
    const before = box.passed;
    // The connection breaks at a greeting, within the large file, and within the questions after it.
    box.allowances = [3_000, 1_500_000, 1_520_000];
    const { code, stderr } = await go('run', 'run.yaml', '--on', 'gpu1', '--detach');
    expect([code, stderr]).toEqual([0, expect.stringContaining('gpu1:fox is running.')]);
    expect(stderr).toContain('Trying again');
    expect(box.allowances).toEqual([]);
    expect(box.passed - before).toBeLessThan(1.3 * BIG);
    expect(readdirSync(there('runs')).filter((name) => !name.startsWith('.'))).toEqual(['fox']);
    await until(() => existsSync(there('runs/fox/exit.json')));
    const log = randomBytes(BIG);
    rmSync(there('runs/fox/trainer.log'));
    writeFileSync(there('runs/fox/trainer.log'), log);
    box.allowances = [1_500_000, 4_000];
    const fetched = await go('fetch', 'gpu1:fox');
    expect([fetched.code, fetched.stderr]).toEqual([0, expect.stringContaining('every SHA-256 right')]);
    expect(readFileSync(join(desk.dir, 'home/runs/fox/trainer.log')).equals(log)).toBe(true);
  });

  it('whose start breaks off in the answer has started the run once', async () => {
    const { child, done } = startCli(
      ['run', 'run.yaml', '--on', 'gpu1', '--detach', '--name', 'owl'],
      desk.env,
      desk.dir,
    );
    await until(() => existsSync(there('runs/owl')) || child.exitCode !== null);
    box.cut();
    expect([(await done).code, (await done).stderr]).toEqual([0, expect.stringContaining('gpu1:owl is running.')]);
    expect(readdirSync(there('runs')).filter((name) => name.startsWith('owl'))).toEqual(['owl']);
    expect(readdirSync(there('runs/owl/attempts'))).toEqual(['1.json']);
  });

  it('that stalls is given up, named, and gone on with', async () => {
    const { done } = startCli(['fetch', 'gpu1:owl', '--json'], desk.env, desk.dir);
    box.stall(true);
    await sleep(2500);
    box.stall(false);
    const { code, stdout } = await done;
    expect([code, JSON.parse(stdout).fetched[0]]).toEqual([0, expect.objectContaining({ name: 'owl' })]);
    const watching = startCli(['logs', 'gpu1:owl', '-f'], desk.env, desk.dir);
    await watching.done;
    box.refuse(true);
    const lost = await go('ps', '--all');
    box.refuse(false);
    expect(lost.stderr).toContain('gpu1 cannot be reached.');
    expect(lost.stdout).toContain('owl');
  });

  it('shows that a file was changed on the box, or arrived with other bytes', async () => {
    writeFileSync(there('runs/owl/output/fox.safetensors'), 'evil');
    const { code, stderr } = await go('fetch', 'gpu1:owl');
    expect([code, stderr]).toEqual([3, expect.stringContaining('is not what the training wrote')]);
  });
});
