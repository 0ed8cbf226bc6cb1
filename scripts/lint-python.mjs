// Runs ruff's checks and format over trainer/ and bench/, with the version that the dev lock names.
import './lib/node.mjs';
import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { pythonForTests } from './lib/python.mjs';

const root = join(import.meta.dirname, '..');
const { python, tools } = pythonForTests(root);
const env = { ...process.env, PYTHONPATH: [tools, process.env.PYTHONPATH].filter(Boolean).join(delimiter) };
const ruff = (...args) =>
  spawnSync(python, ['-m', 'ruff', ...args, 'trainer', 'bench'], { cwd: root, env, stdio: 'inherit' }).status ?? 1;
process.exitCode = ruff('check') || ruff('format', '--check');
