import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  describeDraft,
  dropDraft,
  loadDraft,
  loadMode,
  saveDraft,
  saveMode,
} from '../../../src/wizard/sources/draft.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-draft-'));
});
afterEach(() => {
  chmodSync(dir, 0o755);
  rmSync(dir, { recursive: true, force: true });
});

const answers = {
  'dataset.path': { value: '~/fox', by: 'you' as const },
  mode: { value: 'easy', by: 'default' as const },
};

describe('the draft', () => {
  it('comes back as it was saved, and leaves no other file behind', () => {
    const state = join(dir, 'state');
    expect(saveDraft(state, answers, 1000)).toBe(true);
    expect(loadDraft(state)).toEqual({ at: 1000, answers });
    expect(readdirSync(state)).toEqual(['wizard-draft.json']);
    dropDraft(state);
    expect(loadDraft(state)).toBeUndefined();
  });

  it.each([
    ['half a file', '{"version":1,"at":1,"ans'],
    ['another version', '{"version":99,"at":1,"answers":{}}'],
    ['something else', '[]'],
    ['null', 'null'],
  ])('counts as none: %s', (_what, text) => {
    writeFileSync(join(dir, 'wizard-draft.json'), text);
    expect(loadDraft(dir)).toBeUndefined();
  });

  it('leaves out answers of another shape', () => {
    const text = JSON.stringify({
      version: 1,
      at: 1,
      answers: { ...answers, bad: 7, worse: { value: 1, by: 'you' }, no: { value: 'x', by: 'me' } },
    });
    writeFileSync(join(dir, 'wizard-draft.json'), text);
    expect(loadDraft(dir)?.answers).toEqual(answers);
  });

  it('says so when it cannot be saved', () => {
    writeFileSync(join(dir, 'file'), '');
    expect(saveDraft(join(dir, 'file', 'state'), answers, 1)).toBe(false);
  });

  it('is described by its time and answers, with no control characters', () => {
    const now = new Date(2026, 5, 10, 12, 0).getTime();
    const at = (day: number, hour: number) => new Date(2026, 5, day, hour, 5).getTime();
    expect(describeDraft({ at: at(10, 9), answers }, now)).toBe('the draft of today 09:05 (~/fox)');
    expect(describeDraft({ at: at(9, 21), answers: {} }, now)).toBe('the draft of yesterday 21:05');
    expect(describeDraft({ at: at(1, 21), answers: {} }, now)).toBe('the draft of 1 Jun 21:05');
    const hostile = { 'dataset.path': { value: '\u001b[2J', by: 'you' as const } };
    expect(describeDraft({ at: now, answers: hostile }, now)).not.toContain('\u001b');
  });

  it('remembers the last mode, and ignores an invalid one', () => {
    expect(loadMode(dir)).toBeUndefined();
    saveMode(dir, 'advanced');
    expect(loadMode(dir)).toBe('advanced');
    writeFileSync(join(dir, 'wizard-mode'), 'rm -rf');
    expect(loadMode(dir)).toBeUndefined();
  });
});
