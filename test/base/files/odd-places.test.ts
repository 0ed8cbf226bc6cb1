/**
 * Files whose place is no folder that can be written to, or is taken by something else: the error says so, and nothing
 * is replaced.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EnvironmentError } from '../../../src/base/errors.ts';
import { writeFileAtomic } from '../../../src/base/files/atomic.ts';
import { intoGivenPlace, makeGivenFolder } from '../../../src/base/files/given-place.ts';
import { explainWriteError } from '../../../src/base/files/write-errors.ts';

const dir = mkdtempSync(join(tmpdir(), 'vt-odd-places-'));
const thrown = (act: () => unknown): Error => {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
};

it('a pipe, a device or a folder stays what it is, and a link is replaced', () => {
  const pipe = join(dir, 'pipe');
  execFileSync('mkfifo', [pipe]);
  expect(thrown(() => writeFileAtomic(pipe, 'x')).message).toBe(`${pipe} is not a regular file.`);
  expect(lstatSync(pipe).isFIFO()).toBe(true);
  expect(thrown(() => writeFileAtomic(dir, 'x')).message).toBe(`${dir} is a folder, not a file.`);
  symlinkSync('/nowhere', join(dir, 'link'));
  writeFileAtomic(join(dir, 'link'), 'x');
  expect(readdirSync(dir).sort()).toEqual(['link', 'pipe']);
});

it('a missing file means that a place cannot be made only when it lies on the way there', () => {
  const missing = (path: string, syscall = 'open') =>
    Object.assign(new Error('gone'), { code: 'ENOENT', path, syscall });
  expect(explainWriteError(missing('/proc/.1.tmp'), '/proc/fox.html')).toBeInstanceOf(EnvironmentError);
  expect(explainWriteError(missing('/proc/a'), '/proc/a/b/fox.html')).toBeInstanceOf(EnvironmentError);
  for (const other of [missing('/data/runs/fox/plan.json'), missing('/usr/bin/python', 'spawn'), missing('python')])
    expect(explainWriteError(other, '/data/runs/fox')).toBe(other);
});

it.runIf(existsSync('/proc/self'))('a place where nothing can be made is told with what to type', () => {
  const error = thrown(() => intoGivenPlace('/proc/fox.html', '-o FILE', () => writeFileAtomic('/proc/fox.html', 'x')));
  expect(error).toBeInstanceOf(EnvironmentError);
  expect((error as EnvironmentError).nextSteps).toEqual(['Choose another place:  -o FILE']);
});

it('a file in the place of a folder is named', () => {
  const file = join(dir, 'file');
  writeFileSync(file, '');
  expect(thrown(() => makeGivenFolder(file, '--to DIR')).message).toBe(
    `${file} cannot be made: a part of its path is a file.`,
  );
});

it.each(['EINVAL', 'ENOTSUP', 'EIO', 'EROFS', 'ENXIO', 'EBUSY', 'ESTALE', 'EFBIG', 'ENAMETOOLONG', 'ENOSPC'])(
  'a refusal of the file system is not reported as a bug: %s',
  (code) => {
    const error = explainWriteError(Object.assign(new Error(code), { code }), '/data/fox.html', 'Choose another.');
    expect(error).toBeInstanceOf(EnvironmentError);
    expect((error as EnvironmentError).message).toMatch(/^The disk that holds |\/data\/fox\.html cannot be /u);
  },
);
