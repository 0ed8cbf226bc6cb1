/**
 * A second try for what failed, alone on the machine: it tells a race, which a busy machine brought out, from a fault.
 * What passes then is named at the end of the tests, because it is a fault of that test.
 */
import { relative } from 'node:path';

/** More files than these have no race in common. */
const MOST = 3;

/**
 * The test files that failed by vitest's JSON report, relative to `root`; none when there are too many for races.
 * @param {{testResults: {name: string, status: string}[]}} report
 */
export function filesToTryAgain({ testResults }, root) {
  const failed = testResults.filter(({ status }) => status === 'failed').map(({ name }) => relative(root, name));
  return failed.length > MOST ? [] : failed;
}

/** The tests that failed by pytest's JUnit report, as `module::name`; none when there are too many for races. */
export function testsToTryAgain(xml) {
  const failed = [...xml.matchAll(/<testcase classname="([^"]*)" name="([^"]*)"[^>]*><(?:failure|error)/g)];
  return failed.length > MOST ? [] : failed.map(([, module, name]) => `${module}::${name}`);
}
