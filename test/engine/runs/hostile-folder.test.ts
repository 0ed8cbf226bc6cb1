/** In run folders that a stranger made or changed, no link is followed, no file believed, and no FIFO waited for. */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { identify, type ProcessIdentity } from '../../../src/base/process/identity.ts';
import { reduceAll } from '../../../src/engine/events/reducer.ts';
import { initialState } from '../../../src/engine/events/run-state.ts';
import { EventReader, readEvents } from '../../../src/engine/events/tail.ts';
import { capLog } from '../../../src/engine/run-folder/log-files.ts';
import { makeRequest } from '../../../src/engine/run-folder/requests.ts';
import { readExit, readSupervisor } from '../../../src/engine/run-folder/run-files.ts';
import { createRun, type RunRef } from '../../../src/engine/runs/create.ts';
import { followRun } from '../../../src/engine/runs/follow.ts';
import { startRun } from '../../../src/engine/runs/start.ts';
import { stopRun } from '../../../src/engine/runs/stop.ts';
import { refuseForeignFolder } from '../../../src/engine/runs/trust.ts';
import { cli } from '../../helpers/cli.ts';
import { FixtureHome, fixturePlan, until } from '../../helpers/fixture-run.ts';

let home: FixtureHome;
afterEach(() => home?.remove());

const steps = (dir: string): number => reduceAll(initialState, [...readEvents(dir)].flat()).step;
async function ends(dir: string): Promise<void> {
  for await (const _ of followRun(dir, { intervalMs: 20 }));
}
const fifo = (path: string) => execFileSync('mkfifo', [path]);

describe('a link at the name of a file of a run', () => {
  const attacks: readonly [name: string, kind: 'file' | 'folder'][] = [
    ['.reserve', 'file'],
    ['events.jsonl', 'file'],
    ['supervisor.log', 'file'],
    ['trainer.log', 'file'],
    ['control', 'folder'],
    ['checkpoints', 'folder'],
    ['attempts', 'folder'],
    ['output', 'folder'],
  ];

  it.each(attacks)('%s is not followed: the run is not started', async (name, kind) => {
    home = new FixtureHome();
    const run = home.create();
    const mine = join(home.dir, 'mine');
    const thesis = kind === 'file' ? mine : join(mine, 'stop');
    if (kind === 'folder') mkdirSync(mine);
    writeFileSync(thesis, 'my thesis');
    rmSync(join(run.dir, name), { recursive: true, force: true });
    symlinkSync(mine, join(run.dir, name));
    await expect(startRun(run, home.env)).rejects.toThrow(`${name} is a link`);
    expect(readFileSync(thesis, 'utf8')).toBe('my thesis');
    expect(kind === 'file' ? [] : readdirSync(mine)).toEqual(kind === 'file' ? [] : ['stop']);
  });

  it('is not followed as a second name of a file either', async () => {
    home = new FixtureHome();
    const run = home.create();
    writeFileSync(join(home.dir, 'thesis'), 'my thesis');
    linkSync(join(home.dir, 'thesis'), join(run.dir, 'events.jsonl'));
    await expect(startRun(run, home.env)).rejects.toThrow('has a second name');
    expect(readFileSync(join(home.dir, 'thesis'), 'utf8')).toBe('my thesis');
  });

  it('is not followed for a request or a log that is cut short', () => {
    home = new FixtureHome();
    const run = home.create();
    writeFileSync(join(home.dir, 'thesis'), 'my thesis');
    symlinkSync(join(home.dir, 'made'), join(run.dir, 'control', 'stop'));
    expect(() => makeRequest(run.dir, 'stop')).toThrow('is a link');
    expect(existsSync(join(home.dir, 'made'))).toBe(false);
    symlinkSync(join(home.dir, 'thesis'), join(run.dir, 'trainer.log'));
    expect(() => capLog(run.dir, 1)).toThrow('is a link');
    expect(readFileSync(join(home.dir, 'thesis'), 'utf8')).toBe('my thesis');
  });
});

it('a second run of a name of 100 letters gets a valid name', () => {
  home = new FixtureHome();
  const [first, second] = [home.create(1, 'n'.repeat(100)), home.create(1, 'n'.repeat(100))];
  expect(first.name).toBe('n'.repeat(100));
  expect(second.name).toBe(`${'n'.repeat(98)}-2`);
});

describe('a folder that others can write to', () => {
  /** Folders made outside of the tests' own folder, which other users cannot enter. */
  const made: string[] = [];
  afterEach(() => {
    for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
  });
  function reachable(): { runs: string; run: RunRef } {
    const base = mkdtempSync(join(dirname(tmpdir()), 'vt-open-'));
    made.push(base);
    chmodSync(base, 0o755);
    const runs = join(base, 'runs');
    const run = createRun({ name: 'fox', yaml: '', plan: fixturePlan(base, 1, null), runs });
    chmodSync(runs, 0o755);
    return { runs, run };
  }

  it('is refused, as is one in a folder of theirs, with what to type', () => {
    const { runs, run } = reachable();
    expect(() => refuseForeignFolder(run.dir)).not.toThrow();
    chmodSync(runs, 0o777);
    expect(() => refuseForeignFolder(run.dir)).toThrow(`${runs} can be written to by other users`);
    chmodSync(runs, 0o1777);
    expect(() => refuseForeignFolder(run.dir)).not.toThrow();
    chmodSync(run.dir, 0o777);
    expect(() => refuseForeignFolder(run.dir)).toThrow(`${run.dir} can be written to by other users`);
    chmodSync(run.dir, 0o755);
    chmodSync(join(run.dir, 'control'), 0o777);
    expect(() => refuseForeignFolder(run.dir)).toThrow('control can be written to by other users');
    // A user who cannot enter a folder above cannot write here either.
    chmodSync(dirname(runs), 0o700);
    expect(() => refuseForeignFolder(run.dir)).not.toThrow();
  });

  it('gets no new run: nothing of a refused one stays', () => {
    const { runs, run } = reachable();
    chmodSync(runs, 0o777);
    expect(() => createRun({ name: 'wolf', yaml: '', plan: fixturePlan(runs, 1, null), runs })).toThrow(
      `wolf is not started: ${runs} can be written to by other users`,
    );
    expect(readdirSync(runs)).toEqual([run.name]);
  });

  it.runIf(process.getuid?.() === 0)('is not what root finds in a folder of one user, as in a container', () => {
    const { runs, run } = reachable();
    chownSync(runs, 65531, 65531);
    expect(() => refuseForeignFolder(run.dir)).not.toThrow();
    for (const name of ['', 'control', 'checkpoints', 'samples', 'output'])
      chownSync(join(run.dir, name), 65531, 65531);
    expect(() => refuseForeignFolder(run.dir)).not.toThrow();
    // The user's own group, because many systems give each user one.
    chmodSync(runs, 0o775);
    expect(() => refuseForeignFolder(run.dir)).not.toThrow();
    chownSync(join(run.dir, 'control'), 65532, 65532);
    expect(() => refuseForeignFolder(run.dir)).toThrow('control belongs to another user');
    chownSync(join(run.dir, 'control'), 0, 0);
    chmodSync(runs, 0o777);
    expect(() => refuseForeignFolder(run.dir)).toThrow(`${runs} `);
  });

  it('is not made for a new run, whatever the umask', () => {
    const before = process.umask(0);
    try {
      const base = mkdtempSync(join(tmpdir(), 'vt-umask-'));
      const run = createRun({
        name: 'fox',
        yaml: '',
        plan: fixturePlan(base, 1, null),
        runs: join(base, 'a', 'runs'),
      });
      for (const folder of [run.dir, join(run.dir, 'control'), join(base, 'a'), join(base, 'a', 'runs')])
        expect(statSync(folder).mode & 0o077).toBe(0);
    } finally {
      process.umask(before);
    }
  });
});

describe('a plan that somebody changed', () => {
  it('can name no file outside the run', async () => {
    home = new FixtureHome();
    const run = home.create();
    writeFileSync(join(home.dir, 'portrait.safetensors'), 'mine');
    const plan = { ...fixturePlan(home.dir, 5, null), name: '../../../portrait' };
    writeFileSync(join(run.dir, 'plan.json'), JSON.stringify(plan));
    await startRun(run, home.env);
    await ends(run.dir);
    expect(readExit(run.dir)).toMatchObject({ status: 'failed', code: 2 });
    expect(readExit(run.dir)?.details[0]).toContain('name');
    expect(existsSync(join(run.dir, 'env-seen.json'))).toBe(false);
    expect(readFileSync(join(home.dir, 'portrait.safetensors'), 'utf8')).toBe('mine');
  });

  it.each([
    ['{', 'is not JSON'],
    ['null', 'is not a plan'],
    ['{}', 'is not a plan'],
    ['[]', 'is not a plan'],
  ])('%s is refused in words', async (text, words) => {
    home = new FixtureHome();
    const run = home.create();
    writeFileSync(join(run.dir, 'plan.json'), text);
    await startRun(run, home.env);
    await ends(run.dir);
    const exit = readExit(run.dir);
    expect(exit?.code).toBe(2);
    expect(exit?.reason).toContain(`${join(run.dir, 'plan.json')} ${words}`);
    expect(exit?.next_steps[0]).toContain(`visiontrain run ${join(run.dir, 'run.yaml')}`);
  });
});

describe('a process that a run folder names but that is not the run’s', () => {
  it('is not ended by stop --now', async () => {
    home = new FixtureHome();
    const run = home.create();
    const foreign = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    await until(() => identify(foreign.pid as number) !== undefined);
    const identity = identify(foreign.pid as number) as ProcessIdentity;
    const dead = { ...identity, start: '1' };
    mkdirSync(join(run.dir, 'attempts'));
    writeFileSync(join(run.dir, 'attempts', '1.json'), JSON.stringify(dead));
    const supervisor = { ...dead, attempt: 1, started_at: 1, trainer: identity };
    writeFileSync(join(run.dir, 'supervisor.json'), JSON.stringify(supervisor));
    writeFileSync(join(run.dir, 'trainer.log'), '');
    expect(await stopRun(run.dir, { now: true })).toBe(true);
    expect(identify(foreign.pid as number)).toEqual(identity);
    for (const pid of [1, 0, -1, 1.5]) {
      writeFileSync(join(run.dir, 'supervisor.json'), JSON.stringify({ ...supervisor, trainer: { ...identity, pid } }));
      expect(readSupervisor(run.dir)).toBeNull();
    }
    process.kill(foreign.pid as number, 'SIGKILL');
  });
});

describe('one bad folder', () => {
  const spoil: Readonly<Record<string, (dir: string) => void>> = {
    'exit-object': (dir) => writeFileSync(join(dir, 'exit.json'), '{}'),
    'exit-number': (dir) => writeFileSync(join(dir, 'exit.json'), '5'),
    'exit-fifo': (dir) => fifo(join(dir, 'exit.json')),
    'exit-device': (dir) => symlinkSync('/dev/zero', join(dir, 'exit.json')),
    'events-folder': (dir) => mkdirSync(join(dir, 'events.jsonl')),
    'events-fifo': (dir) => fifo(join(dir, 'events.jsonl')),
    'supervisor-fifo': (dir) => fifo(join(dir, 'supervisor.json')),
    'supervisor-late': (dir) =>
      writeFileSync(
        join(dir, 'supervisor.json'),
        JSON.stringify({ ...identify(process.pid), attempt: 1, started_at: 1e300, trainer: null }),
      ),
    'plan-fifo': (dir) => {
      rmSync(join(dir, 'plan.json'));
      fifo(join(dir, 'plan.json'));
    },
  };

  it('is one row that names the fault, and the others are listed', async () => {
    home = new FixtureHome();
    home.create(5, 'sound');
    for (const [name, harm] of Object.entries(spoil)) harm(home.create(5, name).dir);
    const odd = home.create(5, 'odd-event');
    writeFileSync(
      join(odd.dir, 'events.jsonl'),
      '{"v":2,"seq":1,"t":1,"type":"run","name":"x","attempt":1,"steps":5,"host":"h","device":{"a":1},"version":"1"}\n',
    );
    const attempts = home.create(5, 'attempt-fifo');
    mkdirSync(join(attempts.dir, 'attempts'));
    fifo(join(attempts.dir, 'attempts', '1.json'));
    const { code, stdout } = await cli(['ps', '--json'], home.env);
    expect(code).toBe(0);
    const rows = JSON.parse(stdout) as { name: string; state: string; problem: string | null }[];
    const state = Object.fromEntries(rows.map((row) => [row.name, row.state]));
    expect(state).toMatchObject({ sound: 'created', 'odd-event': 'created' });
    for (const name of Object.keys(spoil)) expect([name, state[name]]).toEqual([name, 'unreadable']);
    expect(rows.find(({ name }) => name === 'exit-device')?.problem).toBe('exit.json is a link');
    const table = await cli(['ps'], home.env);
    expect(table.stdout).toMatch(/^sound +created/m);
    expect(table.stderr).toContain('! events-folder: events.jsonl is a folder');
    expect(await cli(['status', 'last'], home.env)).toMatchObject({ code: 0 });
    expect((await cli(['status', 'exit-fifo'], home.env)).stdout).toMatch(/^Problem +exit.json is a FIFO/m);
  });

  it('cannot make a reader wait, or use more memory than a run can need', () => {
    home = new FixtureHome();
    const run = home.create();
    fifo(join(run.dir, 'events.jsonl'));
    expect(() => new EventReader(run.dir).read()).toThrow('is a FIFO');
    rmSync(join(run.dir, 'events.jsonl'));
    const line = (seq: number, rest: object) => JSON.stringify({ v: 2, seq, t: 1, ...rest });
    const many = Array.from({ length: 30_000 }, (_, i) => [
      line(i, { type: 'active', facts: { [`fact ${i}`]: i } }),
      line(i, { type: 'sample', step: i, index: i, path: `${i}.png`, prompt: '', seed: 1, adapter: i % 2 === 0 }),
    ]);
    writeFileSync(join(run.dir, 'events.jsonl'), `${many.flat().join('\n')}\n`);
    const state = reduceAll(initialState, [...readEvents(run.dir)].flat());
    expect(Object.keys(state.active).length).toBeLessThanOrEqual(256);
    expect(state.samples.length).toBeLessThanOrEqual(200);
  });
});

describe('numbers of attempts', () => {
  it('beyond all that are given do not keep a run from starting', async () => {
    home = new FixtureHome();
    const run = home.create();
    mkdirSync(join(run.dir, 'attempts'));
    writeFileSync(join(run.dir, 'attempts', '9007199254740992.json'), '');
    await startRun(run, home.env);
    await ends(run.dir);
    expect(readExit(run.dir)).toMatchObject({ status: 'finished' });
  });

  it('that are used up are told in words', async () => {
    home = new FixtureHome();
    const run = home.create();
    mkdirSync(join(run.dir, 'attempts'));
    writeFileSync(join(run.dir, 'attempts', '999999.json'), JSON.stringify({ ...identify(process.pid), start: '1' }));
    const { code, stderr } = await cli(['resume', 'fox'], home.env);
    expect(code).toBe(3);
    expect(stderr).toContain('has no number left');
  });
});

describe('a run that goes on', () => {
  it('goes on when its folder is moved, and can be stopped and resumed there', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.05' });
    const run = home.create(1000);
    await startRun(run, home.env);
    await until(() => steps(run.dir) > 0);
    const moved = join(home.runs, 'moved');
    renameSync(run.dir, moved);
    const before = steps(moved);
    await until(() => steps(moved) > before + 2);
    makeRequest(moved, 'stop');
    await ends(moved);
    expect(readExit(moved)).toMatchObject({ status: 'stopped', code: 75, next_steps: ['visiontrain resume moved'] });
    await startRun({ name: 'moved', dir: moved }, { ...home.env, FIXTURE_SECONDS: '0' });
    await ends(moved);
    expect(readExit(moved)).toMatchObject({ status: 'finished', step: 1000 });
    expect(existsSync(run.dir)).toBe(false);
  });

  it('ends when its folder is removed, with its trainer', async () => {
    home = new FixtureHome({ FIXTURE: 'stubborn', FIXTURE_SECONDS: '0.05' });
    const run = home.create(100_000);
    await startRun(run, home.env);
    await until(() => steps(run.dir) > 0);
    const { pid, trainer } = readSupervisor(run.dir) ?? {};
    rmSync(run.dir, { recursive: true });
    // The stop is requested at the same moment, as when a machine shuts down, and has no folder any more.
    process.kill(pid as number, 'SIGTERM');
    await until(() => identify(trainer?.pid as number) === undefined && identify(pid as number) === undefined);
    expect(existsSync(run.dir)).toBe(false);
  });

  it('is released when another machine takes it over: its trainer ends, and no end of it is written', async () => {
    home = new FixtureHome({ FIXTURE: 'stubborn', FIXTURE_SECONDS: '0.05' });
    const run = home.create(100_000);
    await startRun(run, home.env);
    await until(() => steps(run.dir) > 0);
    const { pid, trainer } = readSupervisor(run.dir) ?? {};
    const other = { ...identify(process.pid), host: 'another machine' };
    writeFileSync(join(run.dir, 'attempts', '2.json'), JSON.stringify(other));
    await until(() => identify(trainer?.pid as number) === undefined && identify(pid as number) === undefined);
    expect(existsSync(join(run.dir, 'exit.json'))).toBe(false);
    expect([...readEvents(run.dir)].flat().some(({ type }) => type === 'exit')).toBe(false);
    expect(readFileSync(join(run.dir, 'supervisor.log'), 'utf8')).toContain('was taken over');
    rmSync(join(run.dir, 'attempts', '2.json'));
  });

  it('does not fail when the clock is set back between the call and the supervisor', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.05' });
    const run = home.create(1000);
    const back = join(home.dir, 'back.mjs');
    writeFileSync(back, 'const now = Date.now; Date.now = () => now() - 3_600_000;\n');
    await startRun(run, { ...home.env, NODE_OPTIONS: `--import=${back}` });
    expect(readSupervisor(run.dir)?.started_at).toBeLessThan(Date.now() / 1000 - 3000);
    expect(readExit(run.dir)).toBeNull();
  });

  it('keeps only the end of a log that floods', () => {
    home = new FixtureHome();
    const run = home.create();
    writeFileSync(join(run.dir, 'trainer.log'), `${'x'.repeat(3000)}the end`);
    capLog(run.dir, 1000, 100);
    expect(readFileSync(join(run.dir, 'trainer.1.log'), 'utf8')).toBe(`${'x'.repeat(93)}the end`);
    expect(statSync(join(run.dir, 'trainer.log')).size).toBe(0);
  });
});
