/** How a judgement is used that exists already: a real process judges, with a shell in Python's place. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { judgeRun, readJudgement } from '../../../src/engine/judge/judgement.ts';
import { type JudgeRequest, MEASURES_VERSION } from '../../../src/engine/judge/schema.ts';
import { fixturePlan } from '../../helpers/fixture-run.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vt-judgement-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const row = (step: number) => ({
  ...{ type: 'row', step, strength: step === 0 ? 0 : 1, validation: null, change: null },
  ...{ likeness: null, fit: null, bleeding: null, diversity: null, copies: null, samples: [], neighbours: null },
});

const request: JudgeRequest = {
  ...{ steps: [10], strengths: [1], prompts: [], seeds: [1], likeness: null, fit: null },
};

/** Judges; returns whether it reported that another version had measured, and how often Python was called so far. */
async function judged(asked: JudgeRequest = request): Promise<{ told: boolean; calls: number; status: string }> {
  const python = join(dir, 'python');
  const said = [row(0), row(10), { type: 'done' }].map((line) => JSON.stringify(line)).join('\n');
  writeFileSync(python, `#!/bin/sh\necho call >> ${join(dir, 'calls')}\ncat <<'EOF'\n${said}\nEOF\n`);
  chmodSync(python, 0o755);
  const plan = fixturePlan(dir, 1, null);
  let told = false;
  const { status } = await judgeRun({
    ...{ dir, plan, request: asked, python, env: process.env, extras: [] },
    ...{ resources: plan.resources, cacheDir: dir, signal: new AbortController().signal },
    onProgress: () => undefined,
    onOlder: () => {
      told = true;
    },
  });
  return { told, status, calls: readFileSync(join(dir, 'calls'), 'utf8').split('\n').length - 1 };
}

function measuredBy(measures: number | undefined): void {
  writeFileSync(join(dir, 'judge.json'), JSON.stringify({ ...readJudgement(dir), measures }));
}

it('is returned at once where the same samples were judged by the same measures', async () => {
  expect(await judged()).toEqual({ told: false, calls: 1, status: 'done' });
  expect(await judged()).toEqual({ told: false, calls: 1, status: 'done' });
  expect(await judged({ ...request, seeds: [2] })).toEqual({ told: false, calls: 2, status: 'done' });
});

it.each([undefined, MEASURES_VERSION + 1])('is measured again with its samples after version %s', async (version) => {
  await judged();
  const sample = join(dir, 'judge', 'base-0-1.png');
  mkdirSync(join(dir, 'judge'), { recursive: true });
  writeFileSync(sample, 'drawn');
  measuredBy(version);
  expect(await judged()).toEqual({ told: true, calls: 2, status: 'done' });
  expect(readFileSync(sample, 'utf8')).toBe('drawn');
  expect(readJudgement(dir)).toMatchObject({ measures: MEASURES_VERSION, rows: [{ step: 0 }, { step: 10 }] });
  expect((await judged()).calls).toBe(2);
});
