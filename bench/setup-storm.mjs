// Kills a set-up with SIGKILL at random moments and lets it end: `node bench/setup-storm.mjs [--kills 30] [--seed 1]`.
// venv, pip and claims are the real ones, the packages are small. It ends with 1 unless the environment is ready in the
// end, with nothing left beside it.
import { join } from 'node:path';
import { loadTs } from './lib/load-ts.mjs';

const root = join(import.meta.dirname, '..');
const { setupStorm } = await loadTs('test/helpers/setup-storm.ts');
const option = (name, usual) => {
  const at = process.argv.indexOf(name);
  return at === -1 ? usual : Number(process.argv[at + 1]);
};
const kills = option('--kills', 30);
let seed = option('--seed', 1);
const random = () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
};
const longest = option('--longest', 8);
const storm = await setupStorm(
  root,
  Array.from({ length: kills }, () => 0.1 + random() * longest),
);
console.log(`Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}`);
console.log(`${kills} kills at ${storm.kills.map((seconds) => seconds.toFixed(1)).join(' ')} s after the start`);
console.log(`${storm.late} of them came after the set-up had ended`);
console.log(storm.ready ? 'ready in the end' : `NOT READY: ${storm.output}`);
console.log(storm.left.length === 0 ? 'nothing left beside it' : `LEFT: ${storm.left.join(' ')}`);
process.exitCode = storm.ready && storm.left.length === 0 ? 0 : 1;
