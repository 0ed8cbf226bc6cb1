/** Captions edited on a screen of a real terminal: keys, another size, Ctrl-C, and what is stored. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { png } from '../helpers/png.ts';
import { Terminal } from '../helpers/tmux.ts';

const root = join(import.meta.dirname, '..', '..');
let dir: string;
let terminal: Terminal | undefined;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-edit-'));
  mkdirSync(join(dir, 'pics'));
  for (const [i, name] of ['fox', 'owl'].entries()) {
    writeFileSync(
      join(dir, 'pics', `${name}.png`),
      png(48, 48, (x, y) => [x * 5, y * 5, i * 90]),
    );
    writeFileSync(join(dir, 'pics', `${name}.txt`), `${name}, snow, sitting`);
  }
});
afterAll(() => {
  terminal?.close();
  rmSync(dir, { recursive: true, force: true });
});

it('changes are stored as they are made, and Ctrl-C loses none', { timeout: 600_000 }, async () => {
  const command = [process.execPath, join(root, 'bin/visiontrain'), 'dataset', 'caption', 'edit', 'pics'];
  terminal = new Terminal(command, { cwd: dir, env: { VISIONTRAIN_HOME: join(dir, 'home') } });
  const t = terminal;
  expect((await t.shows(/fox\.png +1 of 2/u)).join('\n')).toMatch(/▀▀▀.*❯ \[x\] fox/u);
  t.keys('Down', 'Space');
  await t.shows(/❯ \[ \] snow/u);
  t.keys('Right');
  await t.shows(/owl\.png +2 of 2 · 1 changed/u);
  t.keys('a', 'big ey', 'BSpace', 'yes', 'Enter');
  await t.shows(/\[x\] big eyes/u);
  t.keys('C-c');
  const last = (await t.shows('[exit 0]')).join('\n');
  expect(last).toContain('2 captions changed. No file in the folder is.');
  expect(last).toContain('+ owl, snow, sitting, big eyes');
  expect(readFileSync(join(dir, 'pics/fox.txt'), 'utf8')).toBe('fox, snow, sitting');
});
