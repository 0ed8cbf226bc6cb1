import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Tests of the command line run the real bundle, so it is built before them; what they leave behind goes after them. */
export function setup(): () => void {
  execFileSync(process.execPath, ['scripts/bootstrap.mjs'], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: 'inherit',
  });
  // Workers inherit it, and what they start does too. Short: sockets of tmux lie below it.
  process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'vt-'));
  const scratch = process.env.TMPDIR;
  return () => rmSync(scratch, { recursive: true, force: true });
}
