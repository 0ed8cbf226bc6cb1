/** What a person reads when the files of the program are replaced or missing while it runs. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EnvironmentError } from '../../src/base/errors.ts';
import { programProblem, wasReplaced } from '../../src/base/program-files.ts';

it('an update during a command is named as the cause, whatever error it led to', () => {
  const dist = join(mkdtempSync(join(tmpdir(), 'vt-program-')), 'dist');
  expect(wasReplaced(dist)).toBe(true);
  mkdirSync(dist);
  writeFileSync(join(dist, 'cli.cjs'), '');
  // A minute of difference, since a file system may round its times.
  expect(wasReplaced(dist, Date.now() - 60_000)).toBe(true);
  expect(wasReplaced(dist, Date.now() + 60_000)).toBe(false);
  rmSync(dist, { recursive: true });
  expect(wasReplaced(dist, Date.now() + 60_000)).toBe(true);
  // A program that runs from its source has no bundle that could be replaced.
  expect(wasReplaced()).toBe(false);
  const problem = programProblem(new TypeError('m7.start is not a function'), () => true);
  expect(problem).toBeInstanceOf(EnvironmentError);
  expect([problem?.message, problem?.nextSteps]).toEqual([
    'visiontrain was updated or built anew while this command ran.',
    ['Type the same command again.'],
  ]);
});

it('a file that is missing is named, and any other error stays a bug', () => {
  const lost = Object.assign(new Error("Cannot find module '/opt/vt/dist/judge-K3.js' imported from /opt/vt"), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
  expect(programProblem(lost, () => false)?.message).toBe(
    '/opt/vt/dist/judge-K3.js is missing: the package is not complete.',
  );
  expect(programProblem(new TypeError('x is undefined'), () => false)).toBeUndefined();
});
