import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { statOf } from '../../../src/base/files/stat.ts';

it('sees files that exist, and passes over those that nobody can reach', () => {
  const dir = mkdtempSync(join(tmpdir(), 'vt-stat-'));
  writeFileSync(join(dir, 'file'), 'abc');
  symlinkSync('loop', join(dir, 'loop'));
  symlinkSync('nowhere', join(dir, 'dangling'));
  symlinkSync('file', join(dir, 'link'));
  expect(['file', 'link'].map((name) => statOf(join(dir, name))?.size)).toEqual([3, 3]);
  for (const name of ['loop', 'dangling', 'missing', 'file/inside']) expect(statOf(join(dir, name))).toBeUndefined();
  rmSync(dir, { recursive: true });
});
