/** A home on disks that refuse to write, mounted for one process alone. Skipped where this user may not mount. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const bin = join(import.meta.dirname, '../../../bin/visiontrain');
const lesson = join(import.meta.dirname, '../../../presets/tiny/lesson');
const dir = mkdtempSync(join(tmpdir(), 'vt-disks-'));
const disk = join(dir, 'disk');
mkdirSync(disk);
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs a command whose home lies on a small disk of memory that was mounted with `options`. */
function onDisk(options: string, words: readonly string[]) {
  const { VISIONTRAIN_HOME: _, ...env } = process.env;
  const script = `mount -t tmpfs -o size=1m tmpfs "$0" && mount -o remount,${options} "$0" && exec "$@"`;
  return spawnSync('unshare', ['-m', 'sh', '-c', script, disk, process.execPath, bin, ...words], {
    cwd: dir,
    env: { ...env, HOME: disk, XDG_RUNTIME_DIR: dir },
    encoding: 'utf8',
    timeout: 600_000,
  });
}

const mayMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', disk]).status === 0;

describe.skipIf(!mayMount)('a home', () => {
  it.each([
    ['setup', 'envs', 'Keep everything elsewhere:  export VISIONTRAIN_HOME=/path/with/space'],
    ['demo', 'runs', 'Keep the runs elsewhere: add --workspace'],
    ['new', 'runs', 'Keep the runs elsewhere: add --workspace'],
  ])('on a disk that is read-only is named as such by `%s`', (command, folder, cure) => {
    const { status, stderr } = onDisk('ro', command === 'new' ? ['new', lesson, '--yes'] : [command]);
    expect(stderr).toContain(`${folder} cannot be written to: the disk is read-only.`);
    expect(stderr).toContain(cure);
    expect(status).toBe(3);
  });

  it('on a disk that is full stops set-up before it fetches anything', () => {
    const { status, stderr } = onDisk('rw', ['setup']);
    expect(stderr).toMatch(/needs 2\.5 GB on the disk of .*; 1\.0 MB are free/);
    expect(status).toBe(3);
  });

  it('on a disk that runs no programs is told before set-up fetches anything', () => {
    const { status, stderr } = onDisk('noexec,size=64g', ['setup']);
    expect(stderr).toContain('is mounted noexec');
    expect(status).toBe(3);
  });
});
