import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

it('ends and names a test file that hangs so that no timer of its process runs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vt-hang-'));
  const setup = join(root, 'test/helpers/watchdog.ts');
  const config = { test: { include: ['*.test.mjs'], globals: true, setupFiles: [setup] } };
  writeFileSync(join(folder, 'vitest.config.mjs'), `export default ${JSON.stringify(config)};`);
  writeFileSync(join(folder, 'endless.test.mjs'), "it('never ends', () => { for (;;); });");
  writeFileSync(join(folder, 'sound.test.mjs'), "it('ends', () => {});");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder],
    { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1', VISIONTRAIN_TEST_HANG_MS: '2000' } },
  );
  expect(status).toBe(1);
  expect(stderr).toMatch(/endless\.test\.mjs did nothing for 2 s: it hangs, and is ended/);
  expect(stdout).toMatch(/1 passed/);
});
