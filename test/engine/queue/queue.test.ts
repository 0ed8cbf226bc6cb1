import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { claim } from '../../../src/base/process/claim.ts';
import { identify } from '../../../src/base/process/identity.ts';
import { advanceQueue } from '../../../src/engine/queue/advance.ts';
import { dropEntry, enqueue, holdEntry, queueEntries } from '../../../src/engine/queue/entries.ts';
import { makeRequest } from '../../../src/engine/run-folder/requests.ts';
import { readExit, readSupervisor } from '../../../src/engine/run-folder/run-files.ts';
import { runCondition } from '../../../src/engine/runs/summary.ts';
import { cli } from '../../helpers/cli.ts';
import { FixtureHome, until } from '../../helpers/fixture-run.ts';

let runs = '';
let home: FixtureHome | undefined;
afterEach(async () => {
  await home?.remove();
  home = undefined;
  if (runs !== '') rmSync(runs, { recursive: true, force: true });
  runs = '';
});

function folder(): string {
  runs = mkdtempSync(join(tmpdir(), 'visiontrain-queue-'));
  return runs;
}
function makeRun(name: string, device = 'cpu'): void {
  mkdirSync(join(runs, name));
  writeFileSync(join(runs, name, 'plan.json'), JSON.stringify({ resources: { device } }));
}

describe('a queue', () => {
  it('of a hundred runs starts each of them once, though the process that starts them is killed again and again', async () => {
    folder();
    const names = Array.from({ length: 100 }, (_, i) => `run-${i}`);
    for (const name of names) makeRun(name, `cuda:${Number(name.slice(4)) % 3}`);
    for (const name of names) enqueue(runs, name);
    const worker = join(import.meta.dirname, '../../helpers/queue-worker.ts');
    const start = (): ChildProcess => spawn(process.execPath, [worker, runs], { stdio: 'inherit' });
    const workers = [start(), start(), start()];
    let kills = 0;
    while (queueEntries(runs).length > 0) {
      await sleep(120);
      const i = kills % workers.length;
      // Some were started and are not finished, some are started and still in the queue, some hold the lock.
      if (kills < 12) workers[i]?.kill('SIGKILL');
      if (workers[i]?.exitCode !== null || workers[i]?.signalCode !== null || kills < 12) workers[i] = start();
      kills += 1;
    }
    for (const one of workers) one.kill('SIGKILL');
    const starts = names.map((name) => readdirSync(join(runs, name, 'attempts')));
    expect(starts.filter((files) => files.join() !== '1.json')).toEqual([]);
  });

  it('starts one run for each card, in order, and passes by what cannot be started', async () => {
    folder();
    for (const [name, device] of [
      ['a', 'cuda'],
      ['b', 'cuda:0'],
      ['c', 'cuda:1'],
      ['d', 'cpu'],
      ['e', 'cuda:2'],
    ])
      makeRun(name as string, device);
    for (const name of ['a', 'b', 'c', 'd', 'e']) enqueue(runs, name);
    expect(() => enqueue(runs, 'a')).toThrow('in the queue already');
    rmSync(join(runs, 'e'), { recursive: true });
    writeFileSync(join(runs, '.queue', '000009.json'), '{"run": "../../evil", "device": "cpu", "attempts": 0}');
    writeFileSync(join(runs, '.queue', '000010.json'), 'broken');
    const { started, waiting } = await advanceQueue(runs, async ({ name }) => {
      if (name === 'c') throw new Error('the disk is full');
    });
    expect(started).toEqual(['a', 'd']);
    expect(waiting.map(({ run, problem }) => [run, problem])).toEqual([
      ['b', undefined],
      ['c', 'the disk is full'],
    ]);
    const [b] = waiting;
    if (b !== undefined) dropEntry(runs, b);
    expect((await advanceQueue(runs, async () => {})).started).toEqual([]);
  });

  it('is held, moved and made to wait for another run; a kill during a move loses nothing', async () => {
    home = new FixtureHome({});
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) home.create(5, name);
    for (const name of ['a', 'b', 'c']) enqueue(home.runs, name);
    const queue = async (...words: string[]) => {
      const { code, stdout, stderr } = await cli(['queue', ...words, '--json'], home?.env ?? {});
      return { code, stderr, waiting: code === 0 ? JSON.parse(stdout).waiting : [], started: stdout };
    };
    expect((await queue('add', 'd', '--after', 'a')).waiting.at(-1)).toMatchObject({ run: 'd', after: 'a' });
    expect((await queue('move', 'c', 'b', '1')).waiting.map(({ run }: { run: string }) => run)).toEqual([
      ...['c', 'b', 'a', 'd'],
    ]);
    expect((await queue('hold', '1', 'b')).waiting.map(({ held }: { held: boolean }) => held)).toEqual([
      ...[true, true, false, false],
    ]);
    expect([(await queue('move', 'c', '0')).code, (await queue('move', 'x', '1')).code]).toEqual([2, 2]);
    // A process that was killed while it moved a run has left the run under both numbers.
    const [first = ''] = readdirSync(join(home.runs, '.queue')).filter((name) => name.endsWith('.json'));
    writeFileSync(join(home.runs, '.queue', '000999.json'), readFileSync(join(home.runs, '.queue', first)));
    const shown = await cli(['ps'], home.env);
    expect(shown.stdout).toMatch(/^d\s+queued \(4\) .* cpu /m);
    expect(shown.stdout.match(/(held|queued) \(\d\)/g)).toEqual(['held (1)', 'held (2)', 'queued (3)', 'queued (4)']);
    const listed = await cli(['queue'], home.env);
    expect(listed.stdout).toMatch(/a .*waits\n.*d .*waits for a\n/);
    expect(listed.stderr).toContain('Nothing goes on here.  visiontrain queue run   starts the first');
    const started: string[] = [];
    const start = async ({ name }: { name: string }) => void started.push(name);
    await advanceQueue(home.runs, start);
    expect(started).toEqual(['a']);
    const b = home.create(5, 'over');
    writeFileSync(join(b.dir, 'exit.json'), '{}');
    await queue('release', 'b', 'c');
    await advanceQueue(home.runs, start);
    expect(started).toEqual(['a', 'c']);
  });

  it('passes by a run whose images are gone, names it, and starts it when they are back and it is released', async () => {
    folder();
    const images = join(runs, '..', `${runs.split('/').at(-1)}-images`);
    for (const name of ['gone', 'next']) {
      makeRun(name, 'cuda:0');
      const data = { root: name === 'gone' ? images : runs };
      writeFileSync(join(runs, name, 'plan.json'), JSON.stringify({ data, resources: { device: 'cuda:0' } }));
      enqueue(runs, name);
    }
    const first = await advanceQueue(runs, async () => {});
    expect(first.started).toEqual(['next']);
    expect(first.waiting).toMatchObject([{ run: 'gone', problem: `its pictures are gone from ${images}` }]);
    mkdirSync(images);
    expect((await advanceQueue(runs, async () => {})).started).toEqual([]);
    const [waiting] = queueEntries(runs);
    if (waiting !== undefined) holdEntry(runs, waiting, false);
    expect((await advanceQueue(runs, async () => {})).started).toEqual(['gone']);
    rmSync(images, { recursive: true });
  });

  it('keeps the cards of a run that waits for several, and passes on those of one that cannot start', async () => {
    folder();
    makeRun('live', 'cuda:1');
    for (const [name, cards] of [
      ['both', [0, 1]],
      ['first', [0]],
      ['third', [2, 3]],
      ['fourth', [3]],
    ] as const) {
      mkdirSync(join(runs, name));
      const device = `cuda:${cards[0]}`;
      const plan = { resources: { device, cards: cards.length > 1 ? cards : [] } };
      writeFileSync(join(runs, name, 'plan.json'), JSON.stringify(plan));
      enqueue(runs, name);
    }
    expect(queueEntries(runs).map(({ device }) => device)).toEqual([
      'cuda:0+cuda:1',
      'cuda:0',
      'cuda:2+cuda:3',
      'cuda:3',
    ]);
    const held = claim(join(runs, 'live', 'attempts'));
    const { started } = await advanceQueue(runs, async ({ name }) => {
      if (name === 'third') throw new Error('no');
    });
    expect(started).toEqual(['fourth']);
    if ('claim' in held) held.claim.release();
    expect((await advanceQueue(runs, async () => {})).started).toEqual(['both']);
  });

  it('waits for runs of this machine, in another container too, and not for those of others that share the folder', async () => {
    folder();
    const here = identify(process.pid);
    const live = (name: string, card: string, holder: object) => {
      makeRun(name, card);
      mkdirSync(join(runs, name, 'attempts'));
      writeFileSync(join(runs, name, 'attempts', '1.json'), JSON.stringify({ ...here, ...holder }));
      expect(runCondition(join(runs, name)).state).toBe('live');
    };
    live('theirs', 'cuda:0', { host: 'another-machine', boot: 'of-another' });
    live('container', 'cuda:1', { host: 'a-container' });
    live('ours', 'cuda:2', {});
    for (const card of [0, 1, 2]) {
      makeRun(`next-${card}`, `cuda:${card}`);
      enqueue(runs, `next-${card}`);
    }
    const { started } = await advanceQueue(runs, async () => {});
    expect(started).toEqual(['next-0']);
  });

  it('goes on by itself when a run ends, and after its supervisor was killed when it is told to', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.02' });
    const all = ['one', 'two', 'three', 'four'].map((name) => home?.create(name === 'three' ? 2000 : 5, name));
    const [one, two, three, four] = all as NonNullable<(typeof all)[number]>[];
    if (one === undefined || two === undefined || three === undefined || four === undefined) throw new Error('no runs');
    for (const { name } of [one, two, three, four]) enqueue(home.runs, name);
    const shown = await cli(['queue', 'run', '--json'], home.env);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      started: ['one'],
      waiting: [{ run: 'two', device: 'cpu' }, {}, {}],
    });
    await until(() => runCondition(three.dir).state === 'live' && readSupervisor(three.dir)?.trainer != null);
    expect([readExit(one.dir)?.status, readExit(two.dir)?.status]).toEqual(['finished', 'finished']);
    process.kill(readSupervisor(three.dir)?.pid as number, 'SIGKILL');
    await until(() => !runCondition(three.dir).supervised);
    // Its trainer goes on alone, and the card counts as taken until it has ended.
    expect(JSON.parse((await cli(['queue', 'run', '--json'], home.env)).stdout)).toMatchObject({ started: [] });
    makeRequest(three.dir, 'stop');
    await until(() => runCondition(three.dir).state !== 'live');
    expect(runCondition(four.dir).state).toBe('created');
    expect((await cli(['queue', 'run'], home.env)).stderr).toContain('four is running');
    await until(() => readExit(four.dir) !== null);
    expect(queueEntries(home.runs)).toEqual([]);
    expect(JSON.parse((await cli(['queue', '--json'], home.env)).stdout)).toEqual({
      waiting: [],
      started: [],
      sweeps: [],
    });
  });
});
