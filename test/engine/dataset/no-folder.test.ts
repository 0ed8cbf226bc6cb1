import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { noFolder } from '../../../src/engine/dataset/scan-errors.ts';

it('names the nearest folder that exists, however much of the path is missing', () => {
  const error = noFolder(join(tmpdir(), 'not-there-q7', 'nor', 'this'), { code: 'ENOENT' });
  expect(error.nextSteps).toEqual([`See what is there:   ls ${tmpdir()}`]);
});

it('prints the path as a shell takes it', () => {
  expect(noFolder('/data/$HOME fox', { code: 'EACCES' }).nextSteps).toEqual([
    "Look at its rights:   ls -ld '/data/$HOME fox'",
  ]);
});
