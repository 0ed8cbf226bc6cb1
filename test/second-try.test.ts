import { describe, expect, it } from 'vitest';
// @ts-expect-error -- scripts are plain JavaScript, which has no types.
import { filesToTryAgain, testsToTryAgain } from '../scripts/lib/second-try.mjs';

const ran = (...failed: string[]) => ({
  testResults: [
    { name: '/here/test/a.test.ts', status: 'passed' },
    ...failed.map((name) => ({ name: `/here/test/${name}`, status: 'failed' })),
  ],
});
const CASE = '<testcase classname="tests.run.test_a" name="test_one[x]" time="0.1">';

describe('a second try', () => {
  it('is given to the files that failed, when they are few enough to be races', () => {
    expect(filesToTryAgain(ran('b.test.ts'), '/here')).toEqual(['test/b.test.ts']);
    expect(filesToTryAgain(ran(), '/here')).toEqual([]);
    expect(filesToTryAgain(ran('b', 'c', 'd', 'e'), '/here')).toEqual([]);
  });

  it('names the failed tests of pytest, also those that failed before they began', () => {
    expect(testsToTryAgain(`${CASE}<failure message="m">text</failure></testcase>`)).toEqual([
      'tests.run.test_a::test_one[x]',
    ]);
    expect(testsToTryAgain(`${CASE}<error message="m"/></testcase>`)).toHaveLength(1);
    expect(testsToTryAgain(`${CASE}<skipped/></testcase>${CASE}</testcase>`)).toEqual([]);
    expect(testsToTryAgain(`${CASE}<failure/></testcase>`.repeat(4))).toEqual([]);
  });
});
