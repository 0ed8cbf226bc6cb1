import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commentsOf, flawOf } from './helpers/comments.ts';

const root = join(import.meta.dirname, '..');

describe('comments', () => {
  it.each([
    ['src', 4000],
    ['test', 600],
    ['bench', 50],
    ['scripts', 50],
    ['page', 10],
  ])('of %s/ are sentences, and none begins like a riddle (docs/style.md)', (folder, atLeast) => {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
    const all = files
      .filter((name) => /\.(?:tsx?|mjs)$/u.test(name))
      .flatMap((name) =>
        commentsOf(readFileSync(join(root, folder, name), 'utf8')).map((comment) => ({ name, ...comment })),
      );
    expect(all.length).toBeGreaterThan(atLeast);
    const flawed = all.flatMap(({ name, line, text }) => {
      const flaw = flawOf(text);
      return flaw === undefined ? [] : [`${folder}/${name}:${line} ${flaw}: ${text}`];
    });
    expect(flawed).toEqual([]);
  });

  it.each([
    ['/** Of several parts the first would be updated twice. */', 'begins like a riddle'],
    ['// Whose gradient is just those given.', 'begins like a riddle'],
    ['  // frees the connection in an immediate.', 'does not begin with a capital letter'],
    [
      '/**\n * Width of the terminal\n * that stdout goes to\n *\n * @throws Error\n */',
      'does not end with a full stop',
    ],
  ])('are seen when they are not: %s', (source, flaw) => {
    expect(commentsOf(source).map(({ text }) => flawOf(text))).toEqual([flaw]);
  });

  it.each([
    '/** Width in cells. */',
    '// lora-scripts',
    '// undici frees the connection in an immediate of its own.',
    '/** run.yaml with every key. @throws nothing. */',
    '// biome-ignore lint/a11y/noNoninteractiveTabindex: keys zoom the chart',
    '/** @returns the blocks in the order of the file */',
    'const url = 1; // of no interest here at all',
  ])('may be %s', (source) => {
    expect(commentsOf(source).flatMap(({ text }) => flawOf(text) ?? [])).toEqual([]);
  });
});
