import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deadLinks, deadPaths, withFolders } from './helpers/docs.ts';

const root = join(import.meta.dirname, '..');
const made = /^(\.git|\.cache|\.venv|node_modules|dist|coverage|__pycache__|\.\w+_cache)$/u;

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (made.test(entry.name) || path === join(root, 'runs')) return [];
    return entry.isDirectory() ? walk(path) : [relative(root, path).split(sep).join('/')];
  });
}

const tree = withFolders(walk(root));
const pages = [...tree.files].filter((file) => file.endsWith('.md'));
const read = (file: string) => readFileSync(join(root, file), 'utf8');

describe('the documentation', () => {
  it('has pages', () => {
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/architecture.md', 'docs/decisions/README.md']));
  });

  it.each(pages)('%s links to files and headings that are there', (page) => {
    expect(deadLinks(page, read, tree)).toEqual([]);
  });

  it.each(pages)('%s names source files that are there', (page) => {
    expect(deadPaths(page, read(page), tree)).toEqual([]);
  });

  it('a dead link, heading or path would be found', () => {
    const page =
      'See [a](gone.md), [b](../README.md#no-such), [c](docs/), `src/cli/gone.ts`, `gone.py` and `src/cli/main.ts`.';
    const planted = (file: string) => (file === 'docs/planted.md' ? page : read(file));
    expect(deadLinks('docs/planted.md', planted, tree)).toEqual([
      'docs/planted.md: gone.md',
      'docs/planted.md: ../README.md#no-such',
      'docs/planted.md: docs/',
    ]);
    expect(deadPaths('docs/planted.md', page, tree)).toEqual([
      'docs/planted.md: src/cli/gone.ts',
      'docs/planted.md: gone.py',
    ]);
  });
});

/** A test that the table names: its file, and its title or the beginning of its title. */
const HELD = /`((?:test|trainer)\/[^`]+)`: ([^;|\n]+?)(?=;| \|)/gu;

it('the public reports name tests that are there', () => {
  const lost = (table: string) =>
    [...table.matchAll(HELD)].flatMap(([, file = '', name = '']) => (read(file).includes(name) ? [] : [name]));
  const page = read('test/cases.md');
  const rows = page.split('\n').filter((line) => line.startsWith('| ') && line.includes('#'));
  expect(rows).toHaveLength(30);
  expect(rows.filter((row) => row.search(HELD) < 0)).toEqual([]);
  const faults = page
    .slice(page.indexOf('# Faults'))
    .split('\n')
    .filter((line) => /^\| (?!Fault \||Finding \||Kind \||---)/u.test(line));
  expect(faults.length).toBeGreaterThan(25);
  const found = [...page.matchAll(/^\| S(\d+)\. /gmu)].map(([, number]) => Number(number));
  expect(found).toEqual(Array.from({ length: 39 }, (_, i) => i + 1));
  expect([...page.matchAll(/^\| ([A-H])\. /gmu)].map(([, kind]) => kind).join('')).toBe('ABCDEFGH');
  expect(faults.filter((row) => row.search(HELD) < 0)).toEqual([]);
  expect(lost(page)).toEqual([]);
  expect(lost('| a/b#1 | x | `test/node.test.ts`: no such name |')).toEqual(['no such name']);
});

describe('the decisions', () => {
  const decisions = readdirSync(join(root, 'docs/decisions')).filter((name) => /^\d/u.test(name));
  const index = read('docs/decisions/README.md');

  it.each(decisions)('%s has the head of a decision and its row in the index', (name) => {
    const text = read(`docs/decisions/${name}`);
    const [, title = '', date = '', status = ''] =
      /^# (\d{4}\. .+)\n\n- Date: (\d{4}-\d\d-\d\d)\n- Status: (.+)\n- Decision: \S/u.exec(text) ?? [];
    const number = name.slice(0, 4);
    expect(title).toMatch(new RegExp(`^${number}\\. `, 'u'));
    expect(index).toContain(`| [${number}](${name}) | ${title.slice(6)} | ${date} | ${status} |`);
  });
});
