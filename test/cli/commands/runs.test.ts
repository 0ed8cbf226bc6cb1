import { execFile, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { readEvents } from '../../../src/engine/events/tail.ts';
import { readExit } from '../../../src/engine/run-folder/run-files.ts';
import type { RunRef } from '../../../src/engine/runs/create.ts';
import { followRun } from '../../../src/engine/runs/follow.ts';
import { inspectRun } from '../../../src/engine/runs/inspect.ts';
import { startRun } from '../../../src/engine/runs/start.ts';
import { cli, startCli } from '../../helpers/cli.ts';
import { FixtureHome, until } from '../../helpers/fixture-run.ts';

let home: FixtureHome;
afterEach(() => home.remove());

const steps = (run: RunRef): number => [...readEvents(run.dir)].flat().filter((e) => e.type === 'step').length;
async function ends(run: RunRef): Promise<void> {
  for await (const _ of followRun(run.dir, { intervalMs: 20 }));
}
async function started(count: number, env: NodeJS.ProcessEnv = {}): Promise<RunRef> {
  home = new FixtureHome({ FIXTURE_SECONDS: '0.05', ...env });
  const run = home.create(count);
  await startRun(run, home.env);
  await until(() => steps(run) > 0);
  return run;
}

describe('attach', () => {
  it('shows plain lines to the end, and ends with the code of the run', async () => {
    await started(30);
    const { code, stdout } = await cli(['attach', 'last'], home.env);
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    for (const line of lines) expect(line).toMatch(/^\d\d:\d\d:\d\d \S/);
    expect(lines[0]).toMatch(/run {6}fox: 30 steps$/);
    expect(stdout).toMatch(/train {4}step 30\/30 100 % {2}loss/);
    expect(lines.filter((line) => line.includes('step ') && line.includes('/30')).length).toBeLessThanOrEqual(12);
    expect(lines.at(-1)).toMatch(/finished step 30 of 30/);
  });

  it('gives the events themselves with --json, also of a failure', async () => {
    home = new FixtureHome({ FIXTURE: 'crash' });
    const run = home.create();
    await startRun(run, home.env);
    const { code, stdout } = await cli(['attach', run.dir, '--json'], home.env);
    expect(code).toBe(5);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events[0].type).toBe('run');
    expect(events.at(-1)).toMatchObject({ type: 'exit', status: 'failed', code: 5 });
  });

  it.each(['SIGKILL', 'SIGHUP', 'SIGINT'] as const)('may be ended by %s: the run goes on', async (signal) => {
    const run = await started(100_000);
    const { child, done } = startCli(['attach', 'fox'], home.env);
    await new Promise<void>((resolve) => child.stdout?.once('data', () => resolve()));
    child.kill(signal);
    const viewer = await done;
    const before = steps(run);
    await until(() => steps(run) > before + 3);
    expect(inspectRun(run.dir)).toMatchObject({ state: 'live', supervised: true });
    if (signal !== 'SIGINT') return;
    expect(viewer.code).toBe(130);
    expect(viewer.stderr).toContain('Training continues.  visiontrain attach fox');
  });
});

describe('stop and resume', () => {
  it('stop with a checkpoint, go on to the end', async () => {
    await started(1000);
    const stopped = await cli(['stop', 'fox', '--json'], home.env);
    expect(stopped.code).toBe(0);
    expect(JSON.parse(stopped.stdout)).toMatchObject({ state: 'stopped', was_live: true, exit: { code: 75 } });
    const again = await cli(['stop', 'fox'], home.env);
    expect(again).toMatchObject({ code: 0, stderr: 'fox is not running: it is stopped.\n' });
    const before = statSync(home.runs).ctimeMs;
    const resumed = await cli(['resume', 'fox'], { ...home.env, FIXTURE_SECONDS: '0' });
    expect(resumed.code).toBe(0);
    // This makes `ps` look at all runs again, so that no run that has gone on is hidden as an old one.
    expect(statSync(home.runs).ctimeMs).toBeGreaterThan(before);
    expect(resumed.stdout).toMatch(/run {6}fox: 1000 steps, attempt 2\n/);
    expect(resumed.stdout).toContain('goes on at step');
    const refused = await cli(['resume', 'fox'], home.env);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('fox is finished');
  });

  it('stop --now ends a trainer that does not listen', { timeout: 600_000 }, async () => {
    const run = await started(100_000, { FIXTURE: 'stubborn' });
    const { code, stderr } = await cli(['stop', 'f', '--now'], home.env);
    expect(stderr).toContain('fox is stopped');
    expect(code).toBe(0);
    expect(readExit(run.dir)).toMatchObject({ status: 'stopped', code: 75 });
  });

  it('resume --detach returns at once; a second resume is refused', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.05' });
    home.create(1000);
    const first = await cli(['resume', 'fox', '--detach', '--json'], home.env);
    expect(JSON.parse(first.stdout)).toMatchObject({ name: 'fox', state: 'live' });
    const second = await cli(['resume', 'fox'], home.env);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain('fox is already running');
  });
});

describe('status, ps and logs', () => {
  it('tell of a finished run', async () => {
    home = new FixtureHome();
    const run = home.create();
    home.create(5, 'fox');
    await startRun(run, home.env);
    await ends(run);
    const status = JSON.parse((await cli(['status', 'fox', '--json'], home.env)).stdout);
    expect(status).toMatchObject({
      state: 'finished',
      step: 5,
      exit: { status: 'finished', outputs: [{ path: 'output/fox.safetensors' }] },
    });
    expect((await cli(['status', 'fox'], home.env)).stdout).toMatch(/^State {6}finished$/m);
    const rows = (await cli(['ps'], home.env)).stdout.trim().split('\n');
    expect(rows[0]).toMatch(/^RUN +STATE +STEP +LEFT +DEVICE +STARTED$/);
    expect(rows.slice(1).map((row) => row.split(/ {3,}/).slice(0, 3))).toEqual(
      expect.arrayContaining([
        ['fox', 'finished', '5/5'],
        ['fox-2', 'created', '-'],
      ]),
    );
    appendFileSync(join(run.dir, 'trainer.log'), 'bar 1 %\rbar 99 %\r\n\x1b]0;title\x07\x1b[2Jend\u202e');
    const logs = await cli(['logs', 'fox'], home.env);
    expect(logs.stdout).toBe('hello from the trainer\nbar 99 %\nend\ufffd\n');
  });

  it('ps shows the newest of many, and says how to see the others', async () => {
    home = new FixtureHome();
    for (let i = 0; i < 23; i += 1) {
      const dir = join(home.runs, `run-${i}`);
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, 'plan.json'), '{}');
      utimesSync(join(dir, 'plan.json'), 1.7e9 + i, 1.7e9 + i);
    }
    const names = (stdout: string) => [...stdout.matchAll(/^run-(\d+)/gm)].map(([, i]) => Number(i));
    const newest = Array.from({ length: 23 }, (_, i) => 22 - i);
    const short = await cli(['ps'], home.env);
    expect(names(short.stdout)).toEqual(newest.slice(0, 20));
    expect(short.stderr).toBe('3 older runs:  visiontrain ps --older\n');
    const whole = await cli(['ps', '--older'], home.env);
    expect({ names: names(whole.stdout), stderr: whole.stderr }).toEqual({ names: newest, stderr: '' });
    expect(JSON.parse((await cli(['ps', '--json'], home.env)).stdout)).toHaveLength(23);
  });

  it('logs -f goes on until the run ends', async () => {
    await started(20);
    const { stdout, code } = await cli(['logs', 'fox', '-f', '--json'], home.env);
    expect(code).toBe(0);
    expect(JSON.parse(stdout.split('\n')[0] ?? '')).toEqual({ line: 'hello from the trainer' });
  });

  it('name what there is when a run is not found', async () => {
    home = new FixtureHome();
    const none = await cli(['status', 'fox'], home.env);
    expect(none).toMatchObject({ code: 2, stdout: '' });
    expect(none.stderr).toContain('There are no runs');
    home.create(5, 'fox-emblem');
    home.create(5, 'fox-style');
    mkdirSync(join(home.runs, 'no-run'));
    writeFileSync(join(home.runs, 'notes.txt'), 'a file that is no run');
    symlinkSync('loop', join(home.runs, 'loop'));
    expect((await cli(['ps'], home.env)).stdout).toMatch(/^fox-emblem/m);
    expect((await cli(['status', 'loop'], home.env)).code).toBe(2);
    expect((await cli(['status', 'fox-embelm'], home.env)).stderr).toContain(
      'There is no run fox-embelm. Did you mean fox-emblem?',
    );
    expect((await cli(['status', 'fox'], home.env)).stderr).toContain('fox-emblem, fox-style');
    expect((await cli(['status', 'fox-s'], home.env)).stdout).toContain('fox-style');
    expect((await cli(['status', 'no-run'], home.env)).code).toBe(2);
    expect((await cli(['attach', 'fox-s'], home.env)).stderr).toContain('has not been started');
  });

  it.each(['text', 300, 1.5, null])('an exit.json with the code %j is no end, and attach says so', async (code) => {
    home = new FixtureHome();
    const run = home.create();
    const exit = { status: 'failed', code, reason: '', step: 3, outputs: [], details: [], next_steps: [] };
    writeFileSync(join(run.dir, 'exit.json'), JSON.stringify(exit));
    const attached = await cli(['attach', 'fox'], home.env);
    expect(attached.code).toBe(3);
    expect(attached.stderr).toContain('✖ How fox ended is not known: exit.json is not what visiontrain writes.');
    expect((await cli(['status', 'fox'], home.env)).stdout).toMatch(/^State +unreadable/m);
  });
});

describe('in the foreground', () => {
  it('a stop request that comes before the run has begun is applied to the run', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.05' });
    const run = home.create(10_000);
    const { child, done } = startCli(['resume', 'fox', '--foreground'], home.env);
    await until(() => existsSync(join(run.dir, 'attempts')));
    child.kill('SIGTERM');
    expect(await done).toMatchObject({ code: 75 });
    expect(readExit(run.dir)).toMatchObject({ status: 'stopped' });
  });

  it('a reader that goes stops the run once, with a checkpoint', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.05' });
    const run = home.create(10_000);
    const bin = join(import.meta.dirname, '../../../bin/visiontrain');
    const line = `"${process.execPath}" "${bin}" resume fox --foreground --json | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const ended = await promisify(execFile)('bash', ['-c', line], { env: home.env });
    expect(ended.stdout.trim().split('\n').at(-1)).toBe('75');
    expect(readExit(run.dir)?.reason).not.toContain('without waiting');
    expect(existsSync(join(run.dir, 'checkpoints', 'step'))).toBe(true);
  });
});

it('paths in the environment may be relative to where a command is typed', async () => {
  home = new FixtureHome();
  const run = home.create();
  const env = { ...home.env, VISIONTRAIN_HOME: '.', VISIONTRAIN_PYTHON: './python' };
  expect(await cli(['resume', 'fox'], env, home.dir)).toMatchObject({ code: 0 });
  expect(readExit(run.dir)).toMatchObject({ status: 'finished' });
});

it('says in JSON what was mistyped', async () => {
  home = new FixtureHome();
  const { code, stdout } = await cli(['ps', '--nonsense', '--json'], home.env);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 2, message: expect.stringContaining('--nonsense') } });
});

it('ends quietly when nobody reads on', () => {
  home = new FixtureHome();
  const bin = join(import.meta.dirname, '../../../bin/visiontrain');
  const line = `"${process.execPath}" "${bin}" schema | true; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', line], { encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
});

it('keeps its exit code when nobody reads on, and ends what would go on for ever', async () => {
  home = new FixtureHome({ FIXTURE: 'crash' });
  const crashed = home.create();
  await startRun(crashed, home.env);
  await ends(crashed);
  const bin = join(import.meta.dirname, '../../../bin/visiontrain');
  const piped = (words: string) =>
    promisify(execFile)('bash', ['-c', `"${process.execPath}" "${bin}" ${words} | true; echo "\${PIPESTATUS[0]}"`], {
      env: home.env,
    });
  expect((await piped('attach fox --json')).stdout).toBe('5\n');
  const run = home.create(100_000, 'long');
  await startRun(run, { ...home.env, FIXTURE: 'finish', FIXTURE_SECONDS: '0.05' });
  expect((await piped('attach long --json')).stdout).toBe('143\n');
  expect(inspectRun(run.dir)?.state).toBe('live');
});

it('setup names the Python that is used, as the last line of JSON too', async () => {
  home = new FixtureHome();
  const { code, stdout } = await cli(['setup', '--json'], home.env);
  expect(code).toBe(0);
  expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
    python: home.env.VISIONTRAIN_PYTHON,
    torch: '99.0.0',
    kind: 'given',
    made: false,
  });
  const wrong = await cli(['setup'], { ...home.env, VISIONTRAIN_PYTHON: '/nowhere/python' });
  expect(wrong).toMatchObject({ code: 3, stdout: '' });
  expect(wrong.stderr).toContain('does not run as Python');
});
