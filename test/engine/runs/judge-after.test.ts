import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wantsJudging } from '../../../src/engine/runs/judge-after.ts';

describe('wantsJudging', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'vt-after-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const over = (status: string, beside: unknown) => {
    const exit = { status, code: 0, step: 8, reason: status, details: [], next_steps: [], outputs: [] };
    writeFileSync(join(dir, 'exit.json'), JSON.stringify(exit));
    if (beside !== undefined) writeFileSync(join(dir, 'beside.json'), JSON.stringify(beside));
    return wantsJudging(dir);
  };

  it('is for a finished run whose run.yaml asked for it', () => {
    expect(over('finished', { hooks: {}, judge: true })).toBe(true);
    expect(over('stopped', { hooks: {}, judge: true })).toBe(false);
    expect(over('failed', { hooks: {}, judge: true })).toBe(false);
    expect(over('finished', { hooks: {}, judge: false })).toBe(false);
  });

  it('is not for a run older than this setting, nor for an unfinished one', () => {
    expect(wantsJudging(dir)).toBe(false);
    expect(over('finished', undefined)).toBe(false);
    expect(over('finished', { hooks: {} })).toBe(false);
  });
});
