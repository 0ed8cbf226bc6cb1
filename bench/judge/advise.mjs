// Prints what the program advises for the rows of several judgements: `advise.mjs < [{rows, request}] > [advice]`.
import { readFileSync } from 'node:fs';
import { loadTs } from '../lib/load-ts.mjs';

const { advise } = await loadTs('src/engine/judge/advice.ts');
const judgements = JSON.parse(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(judgements.map(({ rows, request }) => advise(rows, request))));
