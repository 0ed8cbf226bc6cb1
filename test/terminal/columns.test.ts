import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columns, ends, hanging, padEnd, truncate, truncateStart, width, wrap } from '../../src/terminal/columns.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 60 }).map((t) => t.replaceAll(/[\p{C}\n\r\t]/gu, ''));

describe('columns', () => {
  it('never makes a text wider than it was told', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 40 }), (words, cells) => {
        expect(width(truncate(words, cells))).toBeLessThanOrEqual(cells);
        expect(width(truncateStart(words, cells))).toBeLessThanOrEqual(cells);
        for (const line of wrap(words, cells)) expect(width(line)).toBeLessThanOrEqual(cells);
      }),
    );
  });

  it('counts cells, not letters', () => {
    expect(width('狐')).toBe(2);
    expect(padEnd('狐', 4)).toBe('狐  ');
    expect(truncate('狐の絵', 5)).toBe('狐の…');
    expect(truncateStart('/a/long/path', 6)).toBe('…/path');
  });

  it('wraps at words', () => {
    expect(wrap('one two three', 8)).toEqual(['one two', 'three']);
    expect(wrap('see https://example.org/x now', 8)).toEqual(['see', 'https:/…', 'now']);
    expect(wrap('see https://example.org/x now', 8, { whole: true })).toEqual(['see', 'https://example.org/x', 'now']);
  });

  it('keeps every byte of text that is to be copied', () => {
    const path = '/data/e\u0301te\u0301';
    expect(wrap(`see ${path} now`, 20, { whole: true })).toEqual([`see ${path} now`]);
    expect(hanging(`see ${path}`, 8)).toBe(`see\n  ${path}`);
    expect(truncate(path, 20)).toBe(path);
    expect(truncate('का के कि', 3)).toBe('का …');
  });

  it('indents all lines of a sentence but the first by two cells', () => {
    expect(hanging('  ! one two three', 13)).toBe('  ! one two\n    three');
    expect(hanging('short', 80)).toBe('short');
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[!-~]{1,12}$/)), (words) => {
        const said = words.join(' ');
        const lines = hanging(said, 20).split('\n');
        for (const line of lines) expect(width(line)).toBeLessThanOrEqual(20);
        expect(lines.map((line, i) => (i === 0 ? line : line.slice(2))).join(' ')).toBe(said);
      }),
    );
  });

  it('puts two texts at the ends of a line, and shortens the left one', () => {
    expect(ends('left', 'right', 12)).toBe('left   right');
    expect(ends('much too long', 'right', 12)).toBe('much … right');
  });

  it('aligns columns', () => {
    expect(columns([['a', 'bb'], ['ccc', 'd'], ['a single cell']])).toEqual(['a    bb', 'ccc  d', 'a single cell']);
  });
});
