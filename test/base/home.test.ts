import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { homeFolder } from '../../src/base/home.ts';
import { places } from '../../src/base/paths.ts';

const bin = join(import.meta.dirname, '../../bin/visiontrain');

describe('the home of a person', () => {
  it('is HOME when that is absolute, else what the system has on file, and never relative', () => {
    expect(homeFolder({ HOME: '/h' })).toBe('/h');
    for (const HOME of [undefined, '', 'h', '~', './h']) {
      expect(homeFolder({ HOME })).toBe(userInfo().homedir);
      expect(places({ HOME }).home.startsWith(`${userInfo().homedir}/`)).toBe(true);
    }
  });

  // The test runs as a user id without a name, which only root can become.
  it.runIf(process.getuid?.() === 0)('is asked for where there is none, by every command', () => {
    const dir = mkdtempSync('/tmp/visiontrain-nobody-');
    try {
      for (const HOME of [undefined, '', 'relative']) {
        const env = { ...process.env, HOME, VISIONTRAIN_HOME: undefined, XDG_DATA_HOME: undefined };
        for (const command of [['ps'], ['config'], ['models', 'list'], ['setup'], ['run', 'run.yaml']]) {
          const options = { cwd: dir, env, uid: 54321, gid: 54321, encoding: 'utf8' as const };
          const { status, stderr } = spawnSync(process.execPath, [bin, ...command], options);
          expect(stderr).toContain('Set HOME, or VISIONTRAIN_HOME, to a folder of yours');
          expect(status).toBe(3);
        }
      }
      const env = { ...process.env, HOME: undefined, VISIONTRAIN_HOME: join(dir, 'home'), VISIONTRAIN_OFFLINE: '1' };
      const pull = ['models', 'pull', 'sdxl', '--accept-license'];
      const { status, stderr } = spawnSync(process.execPath, [bin, ...pull], { cwd: '/', env, encoding: 'utf8' });
      expect([status, stderr]).toEqual([4, expect.not.stringContaining('bug')]);
      expect(readdirSync(dir)).toEqual(['home']);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

it('a folder that is gone is said as such', () => {
  const dir = mkdtempSync('/tmp/visiontrain-gone-');
  const script = `rmdir "${dir}"; exec "${process.execPath}" "${bin}" ps`;
  const { status, stderr } = spawnSync('sh', ['-c', script], { cwd: dir, encoding: 'utf8' });
  expect([status, stderr]).toEqual([3, expect.stringContaining('The folder you are in is gone')]);
});
