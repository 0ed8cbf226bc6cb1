/**
 * The files of judging in a run folder may be a stranger's: no process is believed without proof, and no path that
 * leads out.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identify, isAlive, type ProcessIdentity } from '../../../src/base/process/identity.ts';
import { isJudging, readJudgement, stopJudging } from '../../../src/engine/judge/judgement.ts';
import { cardHolders, readWaiting, stopWaiting } from '../../../src/engine/judge/wait.ts';
import { cli } from '../../helpers/cli.ts';

let runs: string;
let dir: string;
beforeEach(() => {
  runs = mkdtempSync(join(tmpdir(), 'judge-hostile-'));
  dir = makeRun('fox');
});
afterEach(() => rmSync(runs, { recursive: true }));

function makeRun(name: string): string {
  const made = join(runs, name);
  mkdirSync(made);
  writeFileSync(join(made, 'plan.json'), JSON.stringify({ resources: { device: 'cpu' } }));
  return made;
}

const row = {
  step: 0,
  strength: 0,
  validation: null,
  change: null,
  likeness: null,
  bleeding: null,
  diversity: null,
  copies: null,
  samples: [['judge/base-0-1.png']],
};

function write(named: ProcessIdentity | null, changes: object = {}): void {
  const table = {
    version: 1,
    status: 'running',
    measure: 'pixels',
    spec_sha256: '',
    process: named,
    request: { steps: [], strengths: [], prompts: [], seeds: [] },
    rows: [row],
    advice: null,
  };
  writeFileSync(join(dir, 'judge.json'), JSON.stringify({ ...table, ...changes }));
  writeFileSync(join(dir, 'judge-waiting.json'), JSON.stringify({ process: named, since: 0, behind: [] }));
}

const age = (seconds: number) => {
  const time = new Date(Date.now() - seconds * 1000);
  for (const name of ['judge.json', 'judge-waiting.json']) utimesSync(join(dir, name), time, time);
};

/** A process that reports when it is ready, with this file open if one is named. */
async function bystander(log?: string) {
  const open = log === undefined ? '' : `require('fs').openSync(${JSON.stringify(log)}, 'a');`;
  const child = spawn(process.execPath, ['-e', `${open} console.log('there'); setInterval(() => {}, 1e6);`]);
  await once(child.stdout, 'data');
  const identity = identify(child.pid ?? 0);
  if (identity === undefined) throw new Error('it ended by itself');
  return { identity, ended: once(child, 'close'), end: () => child.kill('SIGKILL') };
}

describe('the process that judges', () => {
  it('is not ended where a file names another one', async () => {
    const { identity, ended, end } = await bystander();
    write(identity);
    expect(isJudging(dir, readJudgement(dir))).toBe(false);
    expect(readWaiting(dir)).toBeUndefined();
    expect([stopWaiting(dir), stopJudging(dir)]).toEqual([false, false]);
    expect(isAlive(identity)).toBe(true);
    end();
    await ended;
  });

  it('is known by the log that it has open, and is ended then', async () => {
    const { identity, ended } = await bystander(join(dir, 'judge.log'));
    write(identity);
    expect(isJudging(dir, readJudgement(dir))).toBe(true);
    expect(stopJudging(dir)).toBe(true);
    expect((await ended)[1]).toBe('SIGTERM');
    expect(isJudging(dir, readJudgement(dir))).toBe(false);
  });

  it('is no process of the system, and no group', () => {
    for (const pid of [1, 0, -1]) {
      write({ pid, start: '1', boot: '', host: '' });
      expect(stopJudging(dir)).toBe(false);
    }
  });

  it('of a machine that cannot be examined counts as alive by its heartbeat alone, so that a copied run can be judged', () => {
    write({ pid: 4711, start: '1', boot: 'x', host: 'elsewhere' });
    expect(isJudging(dir, readJudgement(dir))).toBe(true);
    expect(readWaiting(dir)).toBeDefined();
    for (const seconds of [600, -600]) {
      age(seconds);
      expect(isJudging(dir, readJudgement(dir))).toBe(false);
      expect(readWaiting(dir)).toBeUndefined();
    }
  });
});

describe('judge.json', () => {
  it.each(['../mine.png', '/etc/passwd', 'judge/../../mine.png', './x.png', ''])('with a path %j is none', (path) => {
    write(null);
    expect(readJudgement(dir)).toBeDefined();
    write(null, { rows: [{ ...row, samples: [[path]] }] });
    expect(readJudgement(dir)).toBeUndefined();
    const neighbours = [[{ image: 'a.png', alike: 1, shown: path }]];
    write(null, { rows: [{ ...row, neighbours }] });
    expect(readJudgement(dir)).toBeUndefined();
  });

  it.each([
    ['more rows than there can be', { rows: Array.from({ length: 10_002 }, () => row) }],
    ['a text without end', { measure: 'x'.repeat(1 << 20) }],
    ['numbers that are text', { rows: [{ ...row, step: '1' }] }],
    ['another version', { version: 2 }],
  ])('with %s is none', (_, changes) => {
    write(null, changes);
    expect(readJudgement(dir)).toBeUndefined();
  });
});

describe('a file of judging that is not valid', () => {
  const strange: readonly [string, (path: string) => void][] = [
    ['a FIFO', (path) => execFileSync('mkfifo', [path])],
    ['a link to a device', (path) => symlinkSync('/dev/zero', path)],
    ['a dangling link', (path) => symlinkSync('nowhere', path)],
    ['a folder', (path) => mkdirSync(path)],
  ];

  it.each(strange)('%s holds up the judging of no other run', async (_, put) => {
    for (const name of ['judge.json', 'judge-waiting.json', 'judge.log']) put(join(dir, name));
    expect(await cardHolders(makeRun('owl'), runs, 1)).toEqual([]);
  });

  it('is named by status, which shows the rest, with no escape', async () => {
    execFileSync('mkfifo', [join(dir, 'judge.json')]);
    const env = { ...process.env, VISIONTRAIN_HOME: join(runs, 'home') };
    const told = await cli(['status', 'fox', '--workspace', runs], env);
    expect(told.code).toBe(0);
    expect(told.stdout).toMatch(/^Judged +cannot be told: .*judge\.json is a FIFO/m);
    rmSync(join(dir, 'judge.json'));
    write(null, { advice: { step: 1, strength: 1, text: '\u001b]0;x\u0007\u202e', doubt: '\u009b2J' } });
    for (const words of [
      ['status', 'fox'],
      ['judge', 'fox', '--show'],
      ['judge', 'fox', '--show', '--json'],
    ]) {
      const { code, stdout, stderr } = await cli([...words, '--workspace', runs], env);
      expect(code).toBe(0);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come
      expect(stdout + stderr).not.toMatch(/[\u001b\u0007\u009b\u202e]/);
    }
  });
});
