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
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { identify } from '../../../src/base/process/identity.ts';
import { listRows, listRuns } from '../../../src/engine/runs/list.ts';
import type { RunRow } from '../../../src/engine/runs/summary.ts';

let runs: string;
let cache: string;

beforeEach(() => {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-ended-'));
  [runs, cache] = [join(dir, 'runs'), join(dir, 'cache')];
  mkdirSync(runs, { mode: 0o700 });
  mkdirSync(cache, { mode: 0o700 });
  // What is younger than the clock of a file system can tell is not kept, so the tests live a minute later.
  vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(join(runs, '..'), { recursive: true, force: true });
});

const exitOf = (status: string, step: number) =>
  JSON.stringify({ status, code: 0, reason: status, step, outputs: [], details: [], next_steps: [] });

function ended(name: string, { status = 'finished', step = 1600 } = {}): string {
  const dir = join(runs, name);
  mkdirSync(join(dir, 'attempts'), { recursive: true, mode: 0o700 });
  const owner = { pid: 4711, start: '1', boot: 'before', host: 'here' };
  const first = { v: 2, seq: 1, t: 1, type: 'run', steps: 1600, device: 'cuda' };
  writeFileSync(join(dir, 'plan.json'), '{}');
  writeFileSync(join(dir, 'attempts', '1.json'), JSON.stringify(owner));
  // So a supervisor marks that it has ended.
  utimesSync(join(dir, 'attempts', '1.json'), 0, 0);
  writeFileSync(
    join(dir, 'supervisor.json'),
    JSON.stringify({ ...owner, attempt: 1, started_at: 1.7e9, trainer: null }),
  );
  writeFileSync(join(dir, 'exit.json'), exitOf(status, step));
  writeFileSync(join(dir, 'events.jsonl'), `${JSON.stringify(first)}\n`);
  return dir;
}

/** The rows, after a check that they are what reading every run gives. */
async function rows() {
  const quick = await listRows(runs, cache);
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
  return Object.fromEntries(quick.map((row) => [row.name, row]));
}

const file = () => join(cache, 'runs', readdirSync(join(cache, 'runs'))[0] ?? '');
const kept = () => Object.keys(JSON.parse(readFileSync(file(), 'utf8')).rows).sort();

it('rows of runs that ended are kept, and are what reading the run says', async () => {
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

it('a row is taken from what was kept, not from the files', async () => {
  ended('a');
  await rows();
  const value = JSON.parse(readFileSync(file(), 'utf8'));
  value.rows.a[3] = 5;
  writeFileSync(file(), JSON.stringify(value));
  expect((await listRows(runs, cache))[0]?.step).toBe(5);
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
])('a change shows: %s', async (_, change) => {
  const dir = ended('a');
  ended('b');
  await rows();
  change(dir);
  // The comparison with what was read is in `rows`.
  await rows();
});

it.each(['', '{', '[]', 'null', '{"version":1}', '{"version":1,"runs":"elsewhere","rows":{"a":[]}}', '\0'.repeat(99)])(
  'a damaged file is made anew: %j',
  async (text) => {
    ended('a');
    await rows();
    writeFileSync(file(), text);
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
])('a kept row whose %s cannot be right is read again', async (_, at, value) => {
  ended('a');
  await rows();
  const whole = JSON.parse(readFileSync(file(), 'utf8'));
  whole.rows.a[at] = value;
  writeFileSync(file(), JSON.stringify(whole));
  await rows();
});

it('what others may write to is not kept', async () => {
  chmodSync(ended('theirs'), 0o777);
  ended('mine');
  await rows();
  expect(kept()).toEqual(['mine']);
});

it('what was changed a moment ago is not kept yet', async () => {
  ended('a');
  vi.setSystemTime(Date.now() - 60_000);
  await rows();
  expect(readdirSync(join(cache, 'runs'))).toEqual([]);
});

it('without a private folder for it nothing is kept, and the list is right', async () => {
  ended('a');
  chmodSync(cache, 0o777);
  expect(await rows()).toHaveProperty('a');
  await expect(listRows(runs, join(cache, 'not', 'made'))).resolves.toHaveLength(1);
  expect(readdirSync(cache, { recursive: true })).toEqual(['runs']);
});

it('what a supervisor still holds is not kept, since it lets go without a trace', async () => {
  const dir = ended('a');
  writeFileSync(join(dir, 'attempts', '1.json'), JSON.stringify(identify(process.pid)));
  await rows();
  expect(readdirSync(join(cache, 'runs'))).toEqual([]);
});
