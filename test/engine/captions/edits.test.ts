/** Captions edited by hand: how the edited text is read, and which version counts. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canStand, editText, readEdits } from '../../../src/engine/captions/edits/edit-list.ts';
import {
  currentVersion,
  editedCaption,
  keepEdit,
  readHistory,
  takeBack,
} from '../../../src/engine/captions/edits/history.ts';

const LINES = [
  { path: 'a.png', caption: 'a fox' },
  { path: 'b/b c.png', caption: '' },
];

describe('the text that is edited', () => {
  it('changes nothing when it is saved as it was, for any paths and captions', () => {
    const path = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((p) => canStand(p) && p.trim() === p);
    const lines = fc.uniqueArray(fc.record({ path, caption: fc.string({ unit: 'binary' }) }), {
      selector: (line) => line.path,
      maxLength: 8,
    });
    fc.assert(
      fc.property(lines, (all) => {
        expect(readEdits(editText(all), all)).toEqual({ changed: [], problems: [] });
      }),
      { numRuns: 200 },
    );
  });

  it('gives the captions that differ; lines left out and comments change nothing', () => {
    const text = '\ufeff# x\r\nb/b c.png\ta hat,\ttall \r\n\r\n';
    expect(readEdits(text, LINES)).toEqual({ changed: [{ path: 'b/b c.png', caption: 'a hat, tall' }], problems: [] });
    expect(readEdits('a.png\t\n', LINES).changed).toEqual([{ path: 'a.png', caption: '' }]);
    expect(readEdits('a.png\tred \u001b[31mfox', LINES).changed).toEqual([{ path: 'a.png', caption: 'red [31mfox' }]);
  });

  it('names each line that cannot be understood', () => {
    const text = `a.png a fox\nc.png\tx\na.png\ty\na.png\tz\nb/b c.png\t${'x'.repeat(20_001)}`;
    expect(readEdits(text, LINES).problems).toEqual([
      'line 1 has no tab after the path',
      'line 2: there is no picture c.png',
      'line 4: a.png stands in line 3 too',
      'line 5: 20001 letters are too many',
    ]);
  });
});

describe('the versions of a caption', () => {
  const sha256 = 'ab'.repeat(32);
  const empty = () => mkdtempSync(join(tmpdir(), 'vt-edits-'));

  it('are all kept, and taken back one by one', () => {
    const store = empty();
    keepEdit(store, { sha256, own: 'a', text: 'b' }, '1');
    keepEdit(store, { sha256, own: 'a', text: 'c' }, '2');
    expect(editedCaption(store, sha256, 'a')).toBe('c');
    expect(takeBack(store, sha256, '1')).toBe(false);
    expect(takeBack(store, sha256, '2')).toBe(true);
    expect(editedCaption(store, sha256, 'a')).toBe('b');
    expect(readHistory(store, sha256)?.versions.map(({ text }) => text)).toEqual(['b', 'c']);
    expect(takeBack(store, sha256, '1')).toBe(true);
    expect(editedCaption(store, sha256, 'a')).toBeUndefined();
    keepEdit(store, { sha256, own: 'a', text: 'd' }, '3');
    expect(readHistory(store, sha256)?.versions.map(({ text }) => text)).toEqual(['d']);
  });

  it('do not count once the caption file has changed, and begin anew over that', () => {
    const store = empty();
    keepEdit(store, { sha256, own: 'a', text: 'b' }, '1');
    expect(editedCaption(store, sha256, 'later')).toBeUndefined();
    expect(editedCaption(store, sha256, null)).toBeUndefined();
    keepEdit(store, { sha256, own: 'later', text: '' }, '2');
    expect(editedCaption(store, sha256, 'later')).toBe('');
    expect(readHistory(store, sha256)?.versions.length).toBe(1);
  });

  it('are none in a file that is damaged', () => {
    const store = empty();
    keepEdit(store, { sha256, own: null, text: 'b' }, '1');
    const path = join(store, 'edits', 'ab', `${sha256}.json`);
    const good = readFileSync(path, 'utf8');
    for (let at = 0; at < good.length; at += 9) {
      writeFileSync(path, good.slice(0, at));
      expect(currentVersion(readHistory(store, sha256))).toBeUndefined();
    }
    keepEdit(store, { sha256, own: null, text: 'c' }, '2');
    expect(editedCaption(store, sha256, null)).toBe('c');
    expect(readdirSync(join(store, 'edits', 'ab'))).toEqual([`${sha256}.json`]);
  });
});

it('one edit leaves one version of each caption, however often it changes that caption', () => {
  const store = mkdtempSync(join(tmpdir(), 'vt-edits-'));
  const sha256 = 'b'.repeat(64);
  keepEdit(store, { sha256, own: null, text: 'first' }, '2026-01-01');
  for (const text of ['a', 'a b', 'a b c']) keepEdit(store, { sha256, own: null, text }, '2026-01-02');
  expect(readHistory(store, sha256)?.versions.map(({ text }) => text)).toEqual(['first', 'a b c']);
  expect(takeBack(store, sha256, '2026-01-02')).toBe(true);
  expect(editedCaption(store, sha256, null)).toBe('first');
});
