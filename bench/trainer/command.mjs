// Prints how the supervisor would start the trainer in a run folder, as JSON {argv, env, cwd}: `node
// bench/trainer/command.mjs RUN_DIR PYTHON`. Benchmarks need it to measure the same environment that users get.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadTs } from '../lib/load-ts.mjs';

const [runDir, python] = process.argv.slice(2);
const { trainerCommand } = await loadTs('src/engine/supervisor/command.ts');
const { resources } = JSON.parse(readFileSync(join(runDir, 'plan.json'), 'utf8'));
const packageRoot = join(import.meta.dirname, '..', '..');
console.log(JSON.stringify(trainerCommand({ python, runDir, resources, packageRoot, env: process.env })));
