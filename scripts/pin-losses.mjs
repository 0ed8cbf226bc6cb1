// Writes trainer/tests/pinned_losses.json anew, after a change of the embedded model or of what is computed. The commit
// message must say why the numbers changed.
import './lib/node.mjs';
import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { pythonForTests } from './lib/python.mjs';

const root = join(import.meta.dirname, '..');
const { python, tools } = pythonForTests(root);
const PYTHONPATH = [tools, process.env.PYTHONPATH].filter(Boolean).join(delimiter);
const env = { ...process.env, PYTHONPATH, OMP_NUM_THREADS: '1', CUDA_VISIBLE_DEVICES: '' };
const { status } = spawnSync(python, ['-m', 'tests.pins'], { cwd: join(root, 'trainer'), env, stdio: 'inherit' });
process.exitCode = status ?? 1;
