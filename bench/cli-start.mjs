// Start-up of the command line against Node with an empty script: `node bench/cli-start.mjs [rounds]`.
// The sides run in turn; medians and their ratios are printed. Bars (docs/performance.md): 1.5 for --help, --version
// and ps; 3 for the wizard's first question.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const rounds = Number(process.argv[2] ?? 15);
const home = mkdtempSync(join(tmpdir(), 'visiontrain-bench-'));
const empty = join(home, 'empty.mjs');
writeFileSync(empty, '');
const env = { ...process.env, VISIONTRAIN_HOME: home };

function timed(args) {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** Milliseconds until a text stands on a real terminal of 80×24. */
function untilShown(text, args) {
  const python = process.env.VISIONTRAIN_PYTHON ?? 'python3';
  const helper = join(import.meta.dirname, 'lib', 'until_shown.py');
  const { stdout, status, stderr } = spawnSync(python, [helper, text, process.execPath, ...args], {
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

const bin = join(root, 'bin', 'visiontrain');
const sides = {
  'node with an empty script': () => timed([empty]),
  'visiontrain --help': () => timed([bin, '--help']),
  'visiontrain --version': () => timed([bin, '--version']),
  'visiontrain ps': () => timed([bin, 'ps']),
  "the wizard's first question": () => untilShown('How do you want', [bin]),
};
const times = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
for (let round = 0; round < rounds; round += 1)
  for (const [name, run] of Object.entries(sides)) times[name].push(run());

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const base = median(times['node with an empty script']);
console.log(`Node ${process.versions.node}, ${rounds} rounds, medians`);
for (const [name, values] of Object.entries(times)) {
  console.log(
    `${name.padEnd(30)} ${median(values).toFixed(0).padStart(6)} ms   ${(median(values) / base).toFixed(2)} ×`,
  );
}
rmSync(home, { recursive: true, force: true });
