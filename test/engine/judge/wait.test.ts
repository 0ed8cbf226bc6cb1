import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identify } from '../../../src/base/process/identity.ts';
import { holdJudging } from '../../../src/engine/judge/holder.ts';
import { cardHolders, readWaiting, stopWaiting, waitForCard } from '../../../src/engine/judge/wait.ts';

let runs: string;
const releases: (() => void)[] = [];
beforeEach(() => {
  runs = mkdtempSync(join(tmpdir(), 'judge-wait-'));
});
afterEach(() => {
  for (const release of releases.splice(0)) release();
  rmSync(runs, { recursive: true });
});

function makeRun(name: string, device = 'cuda:0'): string {
  const dir = join(runs, name);
  mkdirSync(dir);
  writeFileSync(join(dir, 'plan.json'), JSON.stringify({ resources: { device } }));
  return dir;
}

/** A judgement by this process, which is alive; with `done`, one that has ended. */
function judging(dir: string, status: 'running' | 'done'): void {
  const table = {
    version: 1,
    status,
    measure: 'pixels',
    spec_sha256: '',
    process: status === 'done' ? null : identify(process.pid),
    request: { steps: [], strengths: [], prompts: [], seeds: [] },
    rows: [],
    advice: null,
  };
  writeFileSync(join(dir, 'judge.json'), JSON.stringify(table));
  if (status === 'running') releases.push(holdJudging(dir, 'judge.json'));
}

function waitingSince(dir: string, since: number, elsewhere = {}): void {
  const waiting = { process: { ...identify(process.pid), ...elsewhere }, since, behind: [] };
  writeFileSync(join(dir, 'judge-waiting.json'), JSON.stringify(waiting));
  releases.push(holdJudging(dir, 'judge-waiting.json'));
}

describe('judging waits for its card', () => {
  it('until the run that holds it is done, and names that run', async () => {
    const [a, b] = [makeRun('a'), makeRun('b', 'cuda')];
    makeRun('elsewhere', 'cuda:1');
    judging(a, 'running');
    const told: (readonly string[])[] = [];
    const never = new AbortController().signal;
    let free = false;
    const waiting = waitForCard({ dir: b, runs, signal: never, every: 10, onWait: (behind) => told.push(behind) });
    void waiting.then(() => {
      free = true;
    });
    // It is known before it has looked who has the card, and once it has looked it says behind whom it waits.
    expect(readWaiting(b)?.behind).toEqual([]);
    while (readWaiting(b)?.behind.length === 0) await sleep(5);
    expect(readWaiting(b)?.behind).toEqual(['a']);
    expect(free).toBe(false);
    judging(a, 'done');
    const leave = await waiting;
    expect(told).toEqual([['a']]);
    // Nobody else starts while it makes ready what it needs.
    expect(readWaiting(b)?.behind).toEqual([]);
    expect(await cardHolders(a, runs, Number.POSITIVE_INFINITY)).toEqual(['b']);
    leave();
    leave();
    expect(readWaiting(b)).toBeUndefined();
    expect(stopWaiting(b)).toBe(false);
  });

  it('only behind runs that waited before, so that two never start at once', async () => {
    const [a, b] = [makeRun('a'), makeRun('b')];
    waitingSince(a, 100);
    waitingSince(b, 200);
    expect(await cardHolders(a, runs, 100)).toEqual([]);
    expect(await cardHolders(b, runs, 200)).toEqual(['a']);
    writeFileSync(join(a, 'judge-waiting.json'), JSON.stringify({ process: null, since: 100, behind: [] }));
    expect(await cardHolders(b, runs, 200)).toEqual([]);
  });

  it('but not for a card of the same name in another machine that shares the folder', async () => {
    const [a, b, c] = [makeRun('a'), makeRun('b'), makeRun('c')];
    const attempt = (boot: string) => {
      mkdirSync(join(a, 'attempts'), { recursive: true });
      writeFileSync(
        join(a, 'attempts', '1.json'),
        JSON.stringify({ ...identify(process.pid), host: 'another-container', boot }),
      );
    };
    attempt('another-boot');
    expect(await cardHolders(b, runs, 200)).toEqual([]);
    expect(await cardHolders(a, runs, 200)).toEqual(['a']);
    // A container of this machine has a name of its own, but computes on the same card.
    attempt(identify(process.pid)?.boot ?? '');
    expect(await cardHolders(b, runs, 200)).toEqual(['a']);
    rmSync(join(a, 'attempts'), { recursive: true });
    waitingSince(c, 100, { host: 'another-machine', boot: 'another-boot' });
    expect(await cardHolders(b, runs, 200)).toEqual([]);
    waitingSince(c, 100);
    expect(await cardHolders(b, runs, 200)).toEqual(['c']);
  });

  it('and leaves nothing behind when it is ended', async () => {
    const [a, b] = [makeRun('a'), makeRun('b')];
    judging(a, 'running');
    const stop = new AbortController();
    const onWait = () => stop.abort(new Error('enough'));
    await expect(waitForCard({ dir: b, runs, signal: stop.signal, every: 10, onWait })).rejects.toThrow('enough');
    expect(readWaiting(b)).toBeUndefined();
  });
});
