import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Tests of the command line run the real bundle, so it is built before them. What the tests leave behind is removed
 * after them.
 */
export function setup(): () => void {
  execFileSync(process.execPath, ['scripts/bootstrap.mjs'], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: 'inherit',
  });
  // Workers inherit this folder, and so do the processes that they start. The path is short, because tmux's sockets lie
  // below it.
  process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'vt-'));
  const scratch = process.env.TMPDIR;
  return () => rmSync(scratch, { recursive: true, force: true });
}
