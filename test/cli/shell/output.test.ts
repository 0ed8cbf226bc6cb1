/** The door to stdout and stderr, tried on the built program with real pipes and devices. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..', '..');
const bin = join(root, 'bin', 'visiontrain');
const env = { ...process.env, VISIONTRAIN_HOME: mkdtempSync(join(tmpdir(), 'visiontrain-output-')) };

it.runIf(existsSync('/dev/full'))('a full disk behind stdout or stderr is no bug', () => {
  const full = openSync('/dev/full', 'w');
  const to = (stdio: ('pipe' | number)[]) => spawnSync(process.execPath, [bin, 'explain', 'rank'], { env, stdio });
  const printed = to(['pipe', full, 'pipe']);
  expect({ status: printed.status, said: String(printed.stderr).trim() }).toEqual({
    status: 3,
    said:
      '✖ The output cannot be written: the disk is full.\n' +
      '  Send it to another disk, or make room there, and run the command again.\n' +
      '  visiontrain explain command/output',
  });
  expect(spawnSync(process.execPath, [bin, 'explain', 'nonesuch'], { env, stdio: ['pipe', 'pipe', full] }).status).toBe(
    2,
  );
  closeSync(full);
});

it('the first page and the list of runs load none of Node’s network, children or streams', () => {
  const tell = join(env.VISIONTRAIN_HOME, 'tell.cjs');
  writeFileSync(tell, `process.on('exit', () => require('fs').writeSync(2, JSON.stringify(process.moduleLoadList)));`);
  for (const args of [['--help'], ['--version'], ['ps']]) {
    const { stdout, stderr, status } = spawnSync(process.execPath, ['-r', tell, bin, ...args, '--json'], {
      env,
      encoding: 'utf8',
    });
    expect({ args, status, printed: stdout.length > 1 }).toEqual({ args, status: 0, printed: true });
    const heavy = /^NativeModule (net|tty|child_process|crypto|fs\/promises|stream|readline)$/;
    expect({ args, loaded: (JSON.parse(stderr) as string[]).filter((name) => heavy.test(name)) }).toEqual({
      args,
      loaded: [],
    });
  }
});

it('a reader that stops early ends a command without a word', () => {
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['-c', `"$0" "$1" explain --all 2>&1 | head -c 1; exit "\${PIPESTATUS[0]}"`, process.execPath, bin],
    { env, encoding: 'utf8' },
  );
  expect({ stderr, length: stdout.length, crashed: (status ?? 0) > 143 }).toEqual({
    stderr: '',
    length: 1,
    crashed: false,
  });
});
