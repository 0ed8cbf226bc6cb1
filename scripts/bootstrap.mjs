// Prepares a clone: installs dependencies and builds the bundle, each only when it is missing or out of date. Any Node
// and npm suffice to start it; a Node that is too old fetches a newer one.
import './lib/node.mjs';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stampSources } from './lib/stamp.mjs';

const root = join(import.meta.dirname, '..');
const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : '');
const run = (command, args) => execFileSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });

const lockHash = createHash('sha256')
  .update(read(join(root, 'package-lock.json')))
  .digest('hex');
const lockStamp = join(root, 'node_modules', '.visiontrain-lock');
if (read(lockStamp) !== lockHash) {
  console.error('visiontrain: installing Node packages (once)');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(lockStamp, lockHash);
}
if (read(join(root, 'dist', '.stamp')) !== stampSources(root)) run(process.execPath, ['scripts/build.mjs']);
