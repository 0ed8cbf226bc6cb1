import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const bin = join(import.meta.dirname, '../../../bin/visiontrain');

// Node has `enableCompileCache` from version 22 on.
it.runIf('enableCompileCache' in module)('compiled code is kept in our own cache, and never below /tmp', () => {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-compiled-'));
  const [home, tmp] = [join(dir, 'home'), join(dir, 'tmp')];
  mkdirSync(tmp);
  const run = () => {
    const env = { ...process.env, VISIONTRAIN_HOME: home, TMPDIR: tmp, NODE_COMPILE_CACHE: '' };
    expect(spawnSync(process.execPath, [bin, 'ps'], { env }).status).toBe(0);
    expect(readdirSync(tmp)).toEqual([]);
  };
  run();
  expect(existsSync(home)).toBe(false);
  mkdirSync(join(home, 'cache'), { recursive: true, mode: 0o700 });
  run();
  expect(readdirSync(join(home, 'cache', 'node'))).toHaveLength(1);
});
