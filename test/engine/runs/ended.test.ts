import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { identify } from '../../../src/base/process/identity.ts';
import { touchRuns } from '../../../src/engine/runs/ended.ts';
import { listNewest, listRows, listRuns, newestRows } from '../../../src/engine/runs/list.ts';
import type { RunRow } from '../../../src/engine/runs/summary.ts';

let runs: string;
let cache: string;

beforeEach(() => {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-ended-'));
  [runs, cache] = [join(dir, 'runs'), join(dir, 'cache')];
  mkdirSync(runs, { mode: 0o700 });
  mkdirSync(cache, { mode: 0o700 });
  // Changes younger than a file system's clock can tell apart are not remembered, so the tests live a minute later.
  vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(join(runs, '..'), { recursive: true, force: true });
});

const exitOf = (status: string, step: number) =>
  JSON.stringify({ status, code: 0, reason: status, step, outputs: [], details: [], next_steps: [] });

function ended(name: string, { status = 'finished', step = 1600, startedAt = 1.7e9 } = {}): string {
  const dir = join(runs, name);
  mkdirSync(join(dir, 'attempts'), { recursive: true, mode: 0o700 });
  const owner = { pid: 4711, start: '1', boot: 'before', host: 'here' };
  const first = { v: 2, seq: 1, t: 1, type: 'run', steps: 1600, device: 'cuda' };
  writeFileSync(join(dir, 'plan.json'), '{}');
  writeFileSync(join(dir, 'attempts', '1.json'), JSON.stringify(owner));
  // A supervisor marks the end of its attempt in this way.
  utimesSync(join(dir, 'attempts', '1.json'), 0, 0);
  writeFileSync(
    join(dir, 'supervisor.json'),
    JSON.stringify({ ...owner, attempt: 1, started_at: startedAt, trainer: null }),
  );
  writeFileSync(join(dir, 'exit.json'), exitOf(status, step));
  writeFileSync(join(dir, 'events.jsonl'), `${JSON.stringify(first)}\n`);
  return dir;
}

/** The rows of the list, after a check that they equal those of reading every run. */
async function rows() {
  const quick = (await listRows(runs, cache)).rows;
  const keys = [
    'name',
    'state',
    'phase',
    'step',
    'steps',
    'seconds_left',
    'device',
    'started_at',
    'supervised',
    'problem',
  ];
  const plain = (all: readonly RunRow[]) =>
    all
      .map((row) => Object.entries(row).filter(([key]) => keys.includes(key)))
      .map((pairs) => Object.fromEntries(pairs));
  const byName = (all: readonly RunRow[]) => plain(all).sort((a, b) => String(a.name).localeCompare(String(b.name)));
  expect(byName(quick)).toEqual(byName(await listRuns(runs)));
  // There are fewer runs than the list shows by default, so both lists are the same.
  const newest = await listNewest(runs, cache, new Set());
  expect({ ...newest, rows: plain(newest.rows) }).toEqual({ rows: plain(quick), older: 0 });
  return Object.fromEntries(quick.map((row) => [row.name, row]));
}

const files = () => readdirSync(join(cache, 'runs')).sort();
const fileOf = (isIt: (name: string) => boolean) => join(cache, 'runs', files().find(isIt) ?? '');
const file = () => fileOf((name) => !name.endsWith('-newest.json'));
const newestFile = () => fileOf((name) => name.endsWith('-newest.json'));
const kept = () => Object.keys(JSON.parse(readFileSync(file(), 'utf8')).rows).sort();

it('rows of runs that ended are remembered, and equal what reading the run gives', async () => {
  ended('a');
  ended('b', { status: 'failed', step: 7 });
  mkdirSync(join(runs, 'no-run'));
  await rows();
  expect(kept()).toEqual(['a', 'b']);
  const before = readFileSync(file());
  expect(await rows()).toMatchObject({
    a: { state: 'finished', device: 'cuda', steps: 1600 },
    b: { state: 'failed', step: 7 },
  });
  // Nothing changed, so nothing was written.
  expect(readFileSync(file())).toEqual(before);
});

it('a row is taken from the remembered rows, not from the files', async () => {
  ended('a');
  await rows();
  const value = JSON.parse(readFileSync(file(), 'utf8'));
  value.rows.a[3] = 5;
  writeFileSync(file(), JSON.stringify(value));
  rmSync(newestFile());
  expect((await listRows(runs, cache)).rows[0]?.step).toBe(5);
});

it.each([
  ['exit.json is edited in place', (dir: string) => writeFileSync(join(dir, 'exit.json'), exitOf('failed', 3))],
  [
    'exit.json is edited in place and its time set back',
    (dir: string) => {
      writeFileSync(join(dir, 'exit.json'), exitOf('failed', 3));
      utimesSync(join(dir, 'exit.json'), 1, 1);
    },
  ],
  ['exit.json is gone', (dir: string) => rmSync(join(dir, 'exit.json'))],
  ['exit.json is damaged', (dir: string) => writeFileSync(join(dir, 'exit.json'), '{')],
  [
    'exit.json is another file of the same content and times',
    (dir: string) => {
      renameSync(join(dir, 'exit.json'), join(dir, 'before.json'));
      writeFileSync(join(dir, 'exit.json'), exitOf('stopped', 12));
    },
  ],
  [
    'exit.json is a link to what it was',
    (dir: string) => {
      renameSync(join(dir, 'exit.json'), join(dir, 'before.json'));
      symlinkSync('before.json', join(dir, 'exit.json'));
    },
  ],
  ['the run is removed', (dir: string) => rmSync(dir, { recursive: true })],
  ['the run has another name', (dir: string) => renameSync(dir, join(runs, 'other'))],
  [
    'another run has its name',
    (dir: string) => {
      rmSync(dir, { recursive: true });
      renameSync(ended('later', { status: 'stopped', step: 9 }), dir);
    },
  ],
  [
    'it was resumed and is live',
    (dir: string) => {
      writeFileSync(join(dir, 'attempts', '2.json'), JSON.stringify(identify(process.pid)));
      rmSync(join(dir, 'exit.json'));
    },
  ],
])('a change is seen: %s', async (_, change) => {
  const dir = ended('a');
  ended('b');
  await rows();
  change(dir);
  // `rows` itself compares with the runs as they are read.
  await rows();
});

it.each(['', '{', '[]', 'null', '{"version":1}', '{"version":1,"runs":"elsewhere","rows":{"a":[]}}', '\0'.repeat(99)])(
  'a damaged file is made anew: %j',
  async (text) => {
    ended('a');
    await rows();
    writeFileSync(file(), text);
    writeFileSync(newestFile(), text);
    await rows();
    expect(kept()).toEqual(['a']);
  },
);

it.each([
  ['state', 2, 'live'],
  ['step', 3, -1],
  ['steps', 4, '9'],
  ['device', 5, {}],
  ['start', 6, null],
])('a remembered row with an impossible %s is read again', async (_, at, value) => {
  ended('a');
  await rows();
  const whole = JSON.parse(readFileSync(file(), 'utf8'));
  whole.rows.a[at] = value;
  writeFileSync(file(), JSON.stringify(whole));
  writeFileSync(newestFile(), JSON.stringify({ ...JSON.parse(readFileSync(newestFile(), 'utf8')), rows: whole.rows }));
  await rows();
});

it('a run that others may write to is not remembered', async () => {
  chmodSync(ended('theirs'), 0o777);
  ended('mine');
  await rows();
  expect(kept()).toEqual(['mine']);
});

it('a run that changed a moment ago is not remembered yet', async () => {
  ended('a');
  vi.setSystemTime(Date.now() - 60_000);
  await rows();
  expect(files()).toEqual([]);
});

it('without a private folder for rows nothing is remembered, and the list is right', async () => {
  ended('a');
  chmodSync(cache, 0o777);
  expect(await rows()).toHaveProperty('a');
  expect((await listRows(runs, join(cache, 'not', 'made'))).rows).toHaveLength(1);
  expect(readdirSync(cache, { recursive: true })).toEqual(['runs']);
});

it('a run that a supervisor still holds is not remembered, since its release leaves no trace', async () => {
  const dir = ended('a');
  writeFileSync(join(dir, 'attempts', '1.json'), JSON.stringify(identify(process.pid)));
  await rows();
  // Its name is remembered as that of a run to read each time.
  expect(files()).toEqual([expect.stringMatching(/-newest\.json$/)]);
  expect(JSON.parse(readFileSync(newestFile(), 'utf8'))).toMatchObject({ others: ['a'], ended: 0, rows: {} });
});

describe('the newest of many runs', () => {
  const WEEK = 7 * 24 * 3600;
  const now = 1.7e9 + WEEK / 2;
  const nameOf = (i: number) => `r${String(i).padStart(2, '0')}`;
  /** Thirty runs, the last of them the newest. The first two failed. */
  const many = () => {
    for (let i = 0; i < 30; i += 1) ended(nameOf(i), { status: i < 2 ? 'failed' : 'finished', startedAt: 1.7e9 + i });
  };
  const newest = async (waiting: string[] = []) => {
    const { rows, older } = await listNewest(runs, cache, new Set(waiting));
    return { names: rows.map(({ name }) => name), older, rows };
  };
  const last = (count: number) => Array.from({ length: count }, (_, i) => nameOf(29 - i));

  beforeEach(() => {
    many();
    vi.setSystemTime(Date.now() + 60_000);
  });

  it('are twenty, and the others are counted, with and without remembered rows', async () => {
    for (const _ of [1, 2, 3]) expect(await newest()).toMatchObject({ names: last(20), older: 10 });
    expect((await listRows(runs, cache)).rows).toHaveLength(30);
    expect((await listRows(runs, cache)).older).toBe(0);
  });

  it('are read, and no other run is', async () => {
    await newest();
    // The folders above it keep their times, so only reading the run itself could show this change.
    for (const name of [nameOf(5), nameOf(25)]) writeFileSync(join(runs, name, 'exit.json'), exitOf('failed', 3));
    const { names, older, rows } = await newest();
    expect({ names, older }).toEqual({ names: last(20), older: 10 });
    expect(rows.find(({ name }) => name === nameOf(25))).toMatchObject({ state: 'failed', step: 3 });
    expect((await listRows(runs, cache)).rows.find(({ name }) => name === nameOf(5))?.state).toBe('failed');
  });

  it.each([
    ['is made', () => ended('new', { startedAt: 1.7e9 + 99 }), ['new', ...last(19)], 11],
    [
      'is moved here',
      () => renameSync(ended('../new', { startedAt: 1.8e9 }), join(runs, 'new')),
      ['new', ...last(19)],
      11,
    ],
    ['is removed', () => rmSync(join(runs, nameOf(29)), { recursive: true }), last(21).slice(1), 9],
    ['that is older is removed', () => rmSync(join(runs, nameOf(3)), { recursive: true }), last(20), 9],
    [
      'that is older is taken by a link in its place',
      () => {
        renameSync(join(runs, nameOf(3)), join(runs, '..', 'away'));
        symlinkSync('../away', join(runs, nameOf(3)));
      },
      last(20),
      10,
    ],
  ])('are others when a run %s', async (_, change, names, older) => {
    await newest();
    change();
    expect(await newest()).toMatchObject({ names, older });
    vi.setSystemTime(Date.now() + 60_000);
    for (const _ of [1, 2]) expect(await newest()).toMatchObject({ names, older });
  });

  it('never leave out an old run that goes on', async () => {
    await newest();
    const dir = join(runs, nameOf(4));
    writeFileSync(join(dir, 'attempts', '2.json'), JSON.stringify(identify(process.pid)));
    rmSync(join(dir, 'exit.json'));
    // A supervisor does this when it has taken over the run.
    touchRuns(runs);
    expect(await newest()).toMatchObject({ names: [nameOf(4), ...last(20)], older: 9 });
    vi.setSystemTime(Date.now() + 60_000);
    for (const _ of [1, 2]) expect(await newest()).toMatchObject({ names: [nameOf(4), ...last(20)], older: 9 });
    // The run is among the ended ones again when it ends, though nobody touches the folder of the runs then.
    writeFileSync(join(dir, 'exit.json'), exitOf('stopped', 9));
    utimesSync(join(dir, 'attempts', '2.json'), 0, 0);
    for (const _ of [1, 2]) expect(await newest()).toMatchObject({ names: last(20), older: 10 });
  });

  it('are joined by the runs that wait in the queue, and by those that failed lately', async () => {
    for (const _ of [1, 2])
      expect(await newest([nameOf(7), 'gone'])).toMatchObject({ names: [...last(20), nameOf(7)], older: 9 });
    const { rows } = await listRows(runs, cache);
    const lately = newestRows(rows, new Set(), now).map(({ name }) => name);
    expect(lately).toEqual([...last(20), nameOf(1), nameOf(0)]);
    expect(newestRows(rows, new Set(), now + WEEK)).toHaveLength(20);
  });

  it('are read anew where others can write to the folder', async () => {
    chmodSync(runs, 0o777);
    vi.setSystemTime(Date.now() + 60_000);
    await newest();
    expect(files().filter((name) => name.endsWith('-newest.json'))).toEqual([]);
  });

  it.each([
    ['others', ['../elsewhere']],
    ['others', [7]],
    ['ended', -1],
    ['ended', 'many'],
    ['rows', null],
    ['folder', [1]],
  ])('are read again when %s of the remembered list cannot be right', async (key, value) => {
    await newest();
    const whole = JSON.parse(readFileSync(newestFile(), 'utf8'));
    writeFileSync(newestFile(), JSON.stringify({ ...whole, [key]: value }));
    expect(await newest()).toMatchObject({ names: last(20), older: 10 });
    expect(JSON.parse(readFileSync(newestFile(), 'utf8'))).toEqual(whole);
  });
});
