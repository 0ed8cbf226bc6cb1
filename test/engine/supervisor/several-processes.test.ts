import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { initialState } from '../../../src/engine/events/run-state.ts';
import { dropAllRequests } from '../../../src/engine/run-folder/requests.ts';
import { endOfSeveral } from '../../../src/engine/supervisor/several-processes.ts';
import { fixturePlan } from '../../helpers/fixture-run.ts';

const one = fixturePlan('/home/p', 5, null);
const plan = { ...one, resources: { ...one.resources, processes: 2, cards: [0, 3] } };
const launcher = { code: 1, signal: null, outOfMemory: false };
const missed = {
  status: 'failed',
  code: 5,
  id: 'training/lost-process',
  step: 4,
  reason: 'Another process is gone.',
  details: ['reset'],
} as const;
const words = {
  rank: 1,
  code: 3,
  id: 'training/memory',
  reason: 'No memory.',
  details: ['of 8 GB'],
  next_steps: ['a'],
};

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-several-'));
  mkdirSync(join(dir, 'control'));
});
const failed = (rank: number, value: unknown) =>
  writeFileSync(join(dir, 'control', `failed-${rank}.json`), typeof value === 'string' ? value : JSON.stringify(value));
const endOf = (result: object | undefined) =>
  endOfSeveral(dir, plan, { end: launcher, state: { ...initialState, step: 4, result: result as never } });

describe('endOfSeveral', () => {
  it('leaves the end of a single process as it is', () => {
    const story = { end: launcher, state: initialState };
    expect(endOfSeveral(dir, one, story)).toEqual(story);
  });

  it("takes the first process's exit code for the launcher's", () => {
    failed(1, words);
    expect(endOf({ status: 'stopped', code: 75, step: 4 }).end).toMatchObject({ code: 75, signal: null });
    expect(endOf({ status: 'failed', code: 5, id: 'training/not-finite', step: 4 }).state.result?.id).toBe(
      'training/not-finite',
    );
  });

  it('names the process that failed first when the first one only lost it', () => {
    failed(1, { ...words, id: 'training/lost-process' });
    failed(2, { ...words, rank: 2 });
    const { end, state } = endOf(missed);
    expect(end.code).toBe(3);
    expect(state.result).toMatchObject({ id: 'training/memory', reason: 'Process 2 of 2 (cuda:0): No memory.' });
    expect(endOf(undefined).end.code).toBe(3);
  });

  it('names the signal by which a process ended, as the launcher saw it', () => {
    writeFileSync(
      join(dir, 'trainer.log'),
      'Root Cause (first observed failure):\n[0]:\n  time      : 2026\n  host      : box\n  rank      : 1 (local_rank: 1)\n  exitcode  : -9 (pid: 71)\n',
    );
    expect(endOf(missed).state.result?.details).toEqual(['reset', 'Process 1 of 2 (cuda:3) was ended by SIGKILL.']);
  });

  it.each([
    '',
    '{',
    '[]',
    '{"rank":0}',
    JSON.stringify({ ...words, code: 0 }),
    JSON.stringify({ ...words, rank: 'x' }),
  ])('passes over a file that no trainer wrote: %s', (text) => {
    failed(1, text);
    expect(endOf(missed).state.result?.id).toBe('training/lost-process');
  });

  it('treats an unknown kind of error as a failure, and forgets it at the next start', () => {
    failed(1, { ...words, id: '__proto__' });
    expect(endOf(missed).state.result?.id).toBe('training/failed');
    dropAllRequests(dir);
    expect(endOf(missed).state.result?.id).toBe('training/lost-process');
  });
});
