import { renderToString } from 'ink';
import type { ReactElement } from 'react';
import { describe, expect, it } from 'vitest';
import { DashboardFrame } from '../../../src/cli/dashboard/dashboard.tsx';
import type { Key } from '../../../src/cli/dashboard/keys.ts';
import { HelpPage, QuestionPage } from '../../../src/cli/dashboard/overlays.tsx';
import { width } from '../../../src/terminal/columns.ts';
import { styleFor } from '../../../src/terminal/style.ts';

const style = styleFor({ colour: 0, unicode: true });
const keys: Key[] = ['d', 's', 'c', 'g', 'p', 'l'].map((key) => ({
  keys: [key],
  action: 'help',
  asks: false,
  label: key,
  help: `What ${key} does is told in a sentence that does not fit on the one line that a small terminal has for it.`,
}));

/** The lines of a page in an area of this size; the terminal has one cell more in both directions. */
const shown = (page: ReactElement, { columns, rows }: { columns: number; rows: number }) =>
  renderToString(<DashboardFrame size={{ columns: columns + 1, rows: rows + 1 }}>{page}</DashboardFrame>, { columns })
    .trimEnd()
    .split('\n');

describe('the help page', () => {
  it.each([
    [80, 24],
    [60, 14],
    [40, 10],
  ])('has every key and the way back in %d×%d', (columns, rows) => {
    const size = { columns, rows };
    const page = shown(<HelpPage {...{ keys, size, style }} />, size);
    expect(page.length).toBeLessThanOrEqual(rows);
    expect(String(page.at(-1))).toBe('any key: back to the run');
    for (const { keys: names } of keys) expect(page.join('\n')).toMatch(new RegExp(`^ *${names[0]} `, 'm'));
    for (const line of page) expect(width(String(line))).toBeLessThanOrEqual(columns);
  });
});

it('a question names the default that Enter takes, where it is not cut off', () => {
  const options = [
    { key: 'y', label: 'Stop and save', about: 'a long explanation' },
    { key: 'n', label: 'No', about: 'the run goes on' },
  ];
  expect(shown(<QuestionPage question="Stop fox?" {...{ options, style }} />, { columns: 79, rows: 23 })).toEqual([
    'Stop fox?',
    '',
    '  y  Stop and save (Enter)  a long explanation',
    '  n  No                     the run goes on',
  ]);
});
