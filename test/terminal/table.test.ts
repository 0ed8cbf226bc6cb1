import { describe, expect, it } from 'vitest';
import { table, tableOrRecords } from '../../src/terminal/table.ts';

const head = ['ID', 'FOR', 'SIZE', 'WHAT'];
const rows = [
  ['sdxl', 'base', '6.9 GB', 'Stable Diffusion XL 1.0'],
  ['狐', 'base', '', 'a fox\u001b[2J'],
];
const expendable = ['WHAT', 'FOR'];

describe('table', () => {
  it('has its natural width where no width is given', () => {
    expect(table(head, rows)).toEqual([
      'ID     FOR    SIZE     WHAT',
      'sdxl   base   6.9 GB   Stable Diffusion XL 1.0',
      '狐     base            a fox�[2J',
    ]);
    expect(table(head, rows, { width: 43, expendable })[1]).toBe('sdxl  base  6.9 GB  Stable Diffusion XL 1.0');
  });

  it('cuts the last column, then leaves out expendable ones in their order', () => {
    expect(table(head, rows, { width: 36, expendable })[1]).toBe('sdxl  base  6.9 GB  Stable Diffusio…');
    expect(table(head, rows, { width: 36, expendable, ellipsis: '...' })[1]).toBe(
      'sdxl  base  6.9 GB  Stable Diffus...',
    );
    expect(table(head, rows, { width: 31, expendable })[1]).toBe('sdxl  base  6.9 GB');
    expect(table(head, rows, { width: 17, expendable })).toEqual(['ID    SIZE', 'sdxl  6.9 GB', '狐']);
  });

  it('keeps columns that are needed, however little space there is', () => {
    expect(table(head, rows, { width: 5, expendable })[1]).toBe('sdxl  6.9 GB');
    expect(table(head, rows, { width: 20 })[1]).toBe('sdxl  base  6.9 GB  Stable Diffusion XL 1.0');
  });
});

describe('a table with a column apart', () => {
  const long = `${'long'.repeat(17)}-b`;
  const queue = [
    ['1', 'fox', 'waits'],
    ['2', long, 'cannot start: its pictures are gone from /home/ann/art'],
  ];
  const room = { width: 48, expendable: [], apart: 'RUN' };

  it('has long cells whole on their own line, wraps the last column, and is no wider than the space', () => {
    expect(table(['#', 'RUN', 'STATE'], queue, room)).toEqual([
      '#  RUN  STATE',
      '1  fox  waits',
      `2  ${long}`,
      '        cannot start: its pictures are gone from',
      '        /home/ann/art',
    ]);
    for (const cells of [60, 80, 100])
      for (const line of table(['#', 'RUN', 'STATE'], queue, { ...room, width: cells }))
        expect(line.length <= cells || line === `2  ${long}`, line).toBe(true);
    expect(table(['RUN', 'STATE'], [[long, 'live']], room)).toEqual(['RUN  STATE', long, '     live']);
  });

  it('is a plain table where it fits', () => {
    expect(table(['#', 'RUN', 'STATE'], queue, { ...room, width: 200 })).toEqual(
      table(['#', 'RUN', 'STATE'], queue, { width: 200 }),
    );
  });
});

describe('tableOrRecords', () => {
  const found = [
    ['good', 'sdxl', 'sd_xl_base.safetensors', 'https://hub.example/sdxl', ''],
    ['stale', 'mine', 'a\u001b[2J', 'https://example.org', 'answered 404'],
  ];
  const columns = ['STATE', 'MODEL', 'FILE', 'SOURCE', 'REMARK'];

  it('is a table where one fits, and for programs', () => {
    expect(tableOrRecords(columns, found, { width: 100, apart: 2 })).toHaveLength(3);
    expect(tableOrRecords(columns, found, { width: undefined, apart: 2 })).toEqual(table(columns, found));
  });

  it('gives each row lines of its own where it does not fit, with nothing cut', () => {
    expect(tableOrRecords(columns, found, { width: 60, apart: 2 })).toEqual([
      'good, sdxl, sd_xl_base.safetensors',
      '  https://hub.example/sdxl',
      'stale, mine, a\ufffd[2J',
      '  https://example.org',
      '  answered 404',
    ]);
  });
});
