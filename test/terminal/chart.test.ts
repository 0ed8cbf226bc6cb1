import { describe, expect, it } from 'vitest';
import { chart as drawn, smooth } from '../../src/terminal/chart.ts';
import { styleFor } from '../../src/terminal/style.ts';

const plain = styleFor({ colour: 0, unicode: true });
const ascii = styleFor({ colour: 0, unicode: false });
const chart = (...input: Parameters<typeof drawn>) => drawn(...input).map(String);
const falling = Array.from({ length: 100 }, (_, i) => ({ x: i + 1, y: 1 - i / 100 }));

describe('chart', () => {
  it('draws a falling line from the top left to the bottom right', () => {
    const lines = chart({ line: falling, marks: [], xMax: 100, columns: 30, rows: 5 }, ascii);
    expect(lines).toHaveLength(6);
    const columnsOf = (line = '') => [...line].flatMap((sign, i) => (sign === '*' ? [i] : []));
    const starts = lines.slice(0, 5).map((line) => columnsOf(line)[0] ?? -1);
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    expect(lines[5]).toMatch(/^ +\+-+$/);
  });

  it('labels top, middle and bottom so that they differ', () => {
    const lines = chart({ line: falling, marks: [], xMax: 100, columns: 40, rows: 7 }, plain);
    const labels = lines.map((line) => line.match(/^ *([\d.]+) ┤/)?.[1]).filter(Boolean);
    expect(new Set(labels).size).toBe(3);
    expect(labels.map(Number)).toEqual(labels.map(Number).toSorted((a, b) => b - a));
  });

  it('leaves no gap in a line', () => {
    const jump = [
      { x: 1, y: 0 },
      { x: 50, y: 1 },
      { x: 100, y: 0 },
    ];
    const lines = chart({ line: jump, marks: [], xMax: 100, columns: 60, rows: 8 }, ascii).slice(0, 8);
    for (const line of lines) expect(line).toContain('*');
  });

  it('marks validations over the line', () => {
    const lines = chart({ line: falling, marks: [{ x: 50, y: 0.5 }], xMax: 100, columns: 40, rows: 7 }, plain);
    expect(lines.join('').match(/●/g)).toHaveLength(1);
  });

  it('is not stretched by one outlier', () => {
    const points = [...falling.map(({ x, y }) => ({ x: x * 3, y })), { x: 301, y: 1e6 }];
    const [first = ''] = chart({ line: points, marks: [], xMax: 301, columns: 40, rows: 7 }, plain);
    expect(Number.parseFloat(first)).toBeLessThan(2);
  });

  it('draws a flat line, and nothing without two points or room', () => {
    const flat = [
      { x: 1, y: 0.5 },
      { x: 2, y: 0.5 },
    ];
    expect(chart({ line: flat, marks: [], xMax: 2, columns: 30, rows: 4 }, plain).join('')).toMatch(/[⠁-⣿]/u);
    expect(chart({ line: flat.slice(1), marks: [], xMax: 2, columns: 30, rows: 4 }, plain)).toEqual([]);
    expect(chart({ line: flat, marks: [], xMax: 2, columns: 12, rows: 4 }, plain)).toEqual([]);
  });
});

describe('smooth', () => {
  it('keeps a constant and calms a jump', () => {
    const points = [1, 1, 1, 9].map((y, x) => ({ x, y }));
    const [first, , , last] = smooth(points, 9);
    expect(first?.y).toBe(1);
    expect(last?.y).toBeCloseTo(2.6);
  });
});
