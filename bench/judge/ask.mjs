// Prints the request that `judge` would make for a run with this plan: `ask.mjs TRIGGER STEPS SEEDS < plan > request`.
import { readFileSync } from 'node:fs';
import { loadTs } from '../lib/load-ts.mjs';

const [trigger, steps, seeds] = process.argv.slice(2);
const { judgeRequest } = await loadTs('src/engine/judge/request.ts');
const { plan } = JSON.parse(readFileSync(0, 'utf8'));
const checkpoints = steps.split(',').map(Number);
process.stdout.write(JSON.stringify(judgeRequest(plan, { trigger, checkpoints, seeds: Number(seeds) })));
