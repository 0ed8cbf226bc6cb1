/** How answers of Python programs are read: each is a real process, with a shell in Python's place. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EnvironmentError, TrainingError, UsageError } from '../../../../src/base/errors.ts';
import { askPython } from '../../../../src/engine/environment/programs/ask-python.ts';
import { runProgram } from '../../../../src/engine/environment/programs/run-program.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'vt-programs-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let count = 0;
function printing(lines: readonly object[], code: number): string {
  count += 1;
  const file = join(dir, `python-${count}`);
  const said = lines.map((line) => JSON.stringify(line)).join('\n');
  writeFileSync(file, `#!/bin/sh\necho noise >&2\ncat <<'EOF'\n${said}\nEOF\nexit ${code}\n`);
  chmodSync(file, 0o755);
  return file;
}

const failure = (id: string | undefined, code: number) => ({
  ...(id === undefined ? {} : { id }),
  code,
  reason: 'It went wrong.',
  details: ['here'],
  next_steps: ['do this'],
});

const run = (lines: readonly object[], code: number) => runPython(printing(lines, code));

async function runPython(python: string): Promise<unknown[]> {
  const heard: unknown[] = [];
  const ids = { id: 'judge/failed', killed: 'judge/memory' } as const;
  const program = { module: 'some', what: 'works', ...ids, kept: 'Start it again.' } as const;
  const signal = new AbortController().signal;
  const input = { python, program, argv: ['job'], env: process.env, log: join(dir, 'log') };
  await runProgram({ ...input, signal }, (value) => heard.push(value));
  return heard;
}

const ask = (answer: object) =>
  askPython({
    python: printing([answer], 0),
    env: process.env,
    module: 'some',
    argv: [],
    task: 'do it',
    refused: 'lora/not-made',
  });

it('passes on every line but the end, and keeps other output in the log', async () => {
  expect(await run([{ type: 'row', n: 1 }, { type: 'done' }], 0)).toEqual([{ type: 'row', n: 1 }]);
  expect(readFileSync(join(dir, 'log'), 'utf8')).toBe('noise\n');
});

it('shows the error under the id that the program reports', async () => {
  const told = run([{ type: 'error', ...failure('training/memory', 3) }], 3);
  await expect(told).rejects.toBeInstanceOf(EnvironmentError);
  await expect(told).rejects.toMatchObject({ id: 'training/memory', details: ['here'], nextSteps: ['do this'] });
  await expect(ask({ error: failure('file/exists', 5) })).rejects.toMatchObject({ id: 'file/exists' });
});

it.each([undefined, 'made/up'])('shows the error of the command where the program reports the id %s', async (id) => {
  const told = run([{ type: 'error', ...failure(id, 5) }], 5);
  await expect(told).rejects.toBeInstanceOf(TrainingError);
  await expect(told).rejects.toMatchObject({ id: 'judge/failed' });
  const asked = ask({ error: failure(id, 5) });
  await expect(asked).rejects.toBeInstanceOf(UsageError);
  await expect(asked).rejects.toMatchObject({ id: 'lora/not-made' });
});

it.each([
  ['KILL', 'judge/memory', 'was ended, most likely for lack of memory.'],
  ['ABRT', 'judge/failed', 'was ended by SIGABRT.'],
])('says that a program was ended by SIG%s', async (signal, id, words) => {
  const file = printing([], 0);
  writeFileSync(file, `#!/bin/sh\nkill -${signal} $$\n`);
  await expect(runPython(file)).rejects.toMatchObject({ id, message: `The program that works ${words}` });
});

it('says that a program died when it reports no end', async () => {
  await expect(run([{ type: 'row' }], 0)).rejects.toMatchObject({
    id: 'judge/failed',
    message: 'The program that works ended with code 0 and did not say why.',
    nextSteps: ['Start it again.'],
  });
});
