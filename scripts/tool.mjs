// Runs a program of node_modules, or `node` itself, on a clone that it makes ready first, also where the Node of the
// machine is too old: node scripts/tool.mjs PROGRAM ARGS…
import './lib/node.mjs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const [program, ...args] = process.argv.slice(2);
// Ctrl-C reaches the program too, which ends in its own way; this process waits for it.
process.on('SIGINT', () => {});
const run = (command, words) => spawnSync(command, words, { cwd: root, stdio: 'inherit' });
let ended = run(process.execPath, ['scripts/bootstrap.mjs']);
if (ended.status === 0)
  ended = run(program === 'node' ? process.execPath : join(root, 'node_modules', '.bin', program), args);
process.removeAllListeners('SIGINT');
if (ended.signal) process.kill(process.pid, ended.signal);
process.exitCode = ended.status ?? 1;
