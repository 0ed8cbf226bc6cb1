import { describe, expect, it } from 'vitest';
import { differenceLines } from '../../../../src/cli/commands/outcome/show-compare.ts';
import { width } from '../../../../src/terminal/columns.ts';

const DIFFERENCES = [
  { key: 'training.rank', values: [8, 16] },
  {
    key: 'samples.prompts',
    values: ['a fox in the snow, a fox by the sea, a fox on a lilac background', 'an owl \u001b[31m'],
  },
];

describe('settings that differ', () => {
  it('are a table where it fits', () => {
    const lines = differenceLines(DIFFERENCES, 2, 120);
    expect(lines[0]).toMatch(/^DIFFERS +A +B$/u);
    expect(lines).toHaveLength(3);
  });

  it('stand one below the other where it does not, in whole words and without control characters', () => {
    const lines = differenceLines(DIFFERENCES, 2, 40);
    expect(lines.slice(0, 5)).toEqual(['DIFFERS', 'training.rank', '  A  8', '  B  16', 'samples.prompts']);
    expect(lines.slice(5, -1).join(' ').replaceAll(/\s+/gu, ' ')).toBe(
      ' A a fox in the snow, a fox by the sea, a fox on a lilac background',
    );
    expect(Math.max(...lines.map(width))).toBeLessThanOrEqual(40);
    expect(lines.join('')).not.toContain('\u001b');
  });
});
