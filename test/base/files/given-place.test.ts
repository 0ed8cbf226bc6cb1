import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { EnvironmentError } from '../../../src/base/errors.ts';
import { intoGivenPlace, makeGivenFolder } from '../../../src/base/files/given-place.ts';

const dir = mkdtempSync(join(tmpdir(), 'vt-given-'));
afterAll(() => rmSync(dir, { recursive: true }));

it('makes the missing folders of a file that a person named', () => {
  const path = join(dir, 'new/er/page.html');
  intoGivenPlace(path, '-o FILE', () => writeFileSync(path, 'page'));
  expect(readFileSync(path, 'utf8')).toBe('page');
});

writeFileSync(join(dir, 'file'), '');
symlinkSync('nowhere', join(dir, 'lost'));

it.each([
  ['a file in the place of a folder', join(dir, 'file'), 'disk/no-folder', 'a part of its path is a file'],
  ['a file above it', join(dir, 'file/in'), 'disk/no-folder', 'a part of its path is a file'],
  ['a link to a disk that is gone', join(dir, 'lost/in'), 'disk/no-folder', 'a link that leads nowhere'],
  ['a system of files that takes none', '/proc/none', 'disk/no-folder', 'nothing can be made there'],
])('says why nothing can be written: %s', (_, folder, id, words) => {
  const write = () => intoGivenPlace(join(folder, 'x'), '-o FILE', () => writeFileSync(join(folder, 'x'), ''));
  for (const attempt of [write, () => makeGivenFolder(join(folder, 'deep'), '-o FILE')]) {
    const error = errorOf(attempt);
    expect(error).toBeInstanceOf(EnvironmentError);
    expect(error).toMatchObject({ id, message: expect.stringContaining(words) });
    expect(error).toMatchObject({ nextSteps: ['Choose another place:  -o FILE'] });
  }
});

function errorOf(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
