// Makes a clone ready: installs dependencies and builds the bundle, each only when it is missing or out of date. It
// needs only Node and npm.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stampSources } from './lib/stamp.mjs';

const root = join(import.meta.dirname, '..');
const [major = 0, minor = 0, patch = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && (minor < 18 || (minor === 18 && patch < 1)))) {
  console.error(
    `visiontrain needs Node 20.18.1 or newer; this is ${process.versions.node}. Get one from https://nodejs.org`,
  );
  process.exit(3);
}

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
