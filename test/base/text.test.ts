import { describe, expect, it } from 'vitest';
import { formatBytes, formatDuration, formatRate, neutralise } from '../../src/base/text.ts';

describe('neutralise', () => {
  it('leaves no control character that a terminal acts on', () => {
    const hostile = 'cat\u001b]0;owned\u0007 \u009b31mred\u202Egnp.exe\r\nend\u0000';
    expect(neutralise(hostile)).not.toMatch(/[\p{Cc}\u202a-\u202e]/u);
    expect(neutralise(hostile)).toContain('cat');
  });

  it('leaves ordinary text, accents and emoji alone', () => {
    expect(neutralise('Fuchs, élan, 狐, 🦊')).toBe('Fuchs, élan, 狐, 🦊');
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [6_938_078_334, '6.9 GB'],
    [334_643_276, '335 MB'],
    [999_999, '1.0 MB'],
  ])('%d is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0 s'],
    [89, '89 s'],
    [90, '2 min'],
    [3600, '60 min'],
    [5400, '1 h 30 min'],
    [7500, '2 h 05 min'],
    [200_000, '2 d 7 h'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe('formatRate', () => {
  it.each([
    [12_345_678, 'bytes', '12.3 MB/s'],
    [0.4, 'bytes', '0 B/s'],
    [123.4, 'captions', '123 captions/s'],
    [1.94, 'images', '1.9 pictures/s'],
    [0.0625, 'images', '16.0 s/picture'],
  ] as const)('%d %s a second are %s', (perSecond, unit, text) => {
    expect(formatRate(perSecond, unit)).toBe(text);
  });
});
