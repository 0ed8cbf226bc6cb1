// Runs every test, TypeScript's and Python's, also on a fresh clone: it makes the clone and the Python environment
// ready, runs both suites and ends with one line over both. Arguments: `ts` or `py` for one of them; all others go to
// the runner.
import './lib/node.mjs';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { pythonForTests } from './lib/python.mjs';
import { filesToTryAgain, testsToTryAgain } from './lib/second-try.mjs';

const root = join(import.meta.dirname, '..');
const results = join(root, '.cache', 'test-results');
const [only, ...rest] = process.argv.slice(2);
const suites = only === 'ts' || only === 'py' ? [only] : ['ts', 'py'];
const passOn = only === undefined || only === 'ts' || only === 'py' ? rest : [only, ...rest];

function run(command, args, options = {}) {
  const { status, signal } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (signal) process.kill(process.pid, signal);
  return status ?? 1;
}

function must(command, args, options) {
  const status = run(command, args, options);
  if (status !== 0) process.exit(status);
}

must(process.execPath, ['scripts/bootstrap.mjs']);
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });
/** Counts the errors that no test caught. */
const UNHANDLED = '--reporter=./scripts/lib/unhandled-reporter.mjs';
const totals = { passed: 0, failed: 0, skipped: 0 };
/** What passed only when it was tried again alone. */
const racy = [];
let failure = 0;

// Python is prepared first, because TypeScript's end-to-end tests train for real too.
const { python, tools, extras } = pythonForTests(root);

if (suites.includes('ts')) {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const attempt = (name, args) => {
    const file = join(results, name);
    const status = run(
      process.execPath,
      [vitest, 'run', '--reporter=default', '--reporter=json', UNHANDLED, `--outputFile.json=${file}`, ...args],
      { env: { ...process.env, VISIONTRAIN_TEST_PYTHON: python, VISIONTRAIN_TEST_RESULTS: results } },
    );
    const read = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined);
    return { status, report: read(file), unhandled: read(join(results, 'unhandled.json')) };
  };
  const { status, report, unhandled } = attempt('vitest.json', passOn);
  // An error that no test caught belongs to no file, so that no second try of a file could show that it was a race.
  const again = status !== 0 && report !== undefined && unhandled === 0 ? filesToTryAgain(report, root) : [];
  const passes = again.length > 0 && attempt('vitest-again.json', [...again, '--no-file-parallelism']).status === 0;
  if (passes) racy.push(...again);
  if (!passes) failure ||= status;
  if (report === undefined) totals.failed += 1;
  else {
    const failed = report.numFailedTests + (report.numFailedTests === 0 && status !== 0 ? 1 : 0);
    totals.passed += report.numPassedTests + (passes ? report.numFailedTests : 0);
    totals.failed += passes ? 0 : failed;
    totals.skipped += report.numPendingTests + report.numTodoTests;
  }
}

if (suites.includes('py')) {
  const file = join(results, 'pytest.xml');
  const path = [tools, ...extras, process.env.PYTHONPATH].filter(Boolean).join(delimiter);
  const attempt = (...args) =>
    run(python, ['-m', 'pytest', '-o', `cache_dir=${join(results, 'pytest-cache')}`, ...args], {
      cwd: join(root, 'trainer'),
      env: { ...process.env, PYTHONPATH: path, PYTHONDONTWRITEBYTECODE: '1' },
    });
  // Each test computes on one thread, so as many workers as cores share the files. More of them would only cost memory:
  // each holds PyTorch and models of its own.
  const workers = Math.min(availableParallelism(), 8);
  const status = attempt('-n', `${workers}`, '--dist', 'worksteal', `--junitxml=${file}`, ...passOn);
  const xml = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const again = status !== 0 ? testsToTryAgain(xml) : [];
  const passes = again.length > 0 && attempt('--last-failed', '--last-failed-no-failures', 'none') === 0;
  if (passes) racy.push(...again);
  if (!passes) failure ||= status;
  const suite = xml.match(/<testsuite [^>]*>/)?.[0];
  const count = (name) => Number(suite?.match(new RegExp(` ${name}="(\\d+)"`))?.[1] ?? 0);
  const failed = count('failures') + count('errors');
  totals.passed += count('tests') - count('skipped') - (passes ? 0 : failed);
  totals.failed += passes ? 0 : failed === 0 && status !== 0 ? 1 : failed;
  totals.skipped += count('skipped');
}

if (racy.length > 0) console.log(`\nPassed only when tried again alone, so each has a race:\n  ${racy.join('\n  ')}`);
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = failure;
