import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Tests of the command line run the real bundle, so it is built before them. */
export function setup(): void {
  execFileSync(process.execPath, ['scripts/bootstrap.mjs'], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: 'inherit',
  });
}
