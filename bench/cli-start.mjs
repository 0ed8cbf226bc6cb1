// Compares the start-up of the command line with Node running an empty script: `node bench/cli-start.mjs [rounds]
// [cpu]`. The sides run in turn; medians and their ratios are printed. Bars: 1.5 for --help, --version and ps, also
// with past runs; 3 for the wizard's first question. With `cpu` the time of the processor is measured in place of
// elapsed time, and first quartiles are printed, which say more on a machine that is busy with other work.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const root = join(import.meta.dirname, '..');
const rounds = Number(process.argv[2] ?? 15);
const isCpu = process.argv[3] === 'cpu';
const python = process.env.VISIONTRAIN_PYTHON ?? 'python3';
const home = mkdtempSync(join(tmpdir(), 'visiontrain-bench-'));
const empty = join(home, 'empty.mjs');
writeFileSync(empty, '');
const env = { ...process.env, VISIONTRAIN_HOME: home };
// The first command makes this folder and keeps compiled code in it.
mkdirSync(join(home, 'cache'), { mode: 0o700 });

/** Makes a folder of `count` finished runs of 1600 steps. */
function pastRuns(count) {
  const runs = join(home, `${count}-runs`);
  for (let i = 0; i < count; i += 1) {
    const dir = join(runs, `run-${i}`);
    mkdirSync(join(dir, 'attempts'), { recursive: true });
    const owner = { pid: 4711, start: '1', boot: 'before', host: 'here' };
    const event = (seq, more) => `${JSON.stringify({ v: 2, seq, t: 1.79e9 + seq, ...more })}\n`;
    const run = { type: 'run', name: 'a', attempt: 1, steps: 1600, host: 'here', device: 'cuda', version: '0' };
    const steps = Array.from({ length: 1600 }, (_, step) =>
      event(step + 2, { type: 'step', step: step + 1, epoch: 1, loss: 0.1, lr: 0.0001, images_per_second: 1.5 }),
    );
    const outputs = [{ path: 'output/a.safetensors', bytes: 9, sha256: '0'.repeat(64) }];
    const exit = { status: 'finished', code: 0, reason: 'finished', step: 1600, outputs, details: [], next_steps: [] };
    writeFileSync(join(dir, 'plan.json'), '{}');
    const attempt = join(dir, 'attempts', '1.json');
    writeFileSync(attempt, JSON.stringify(owner));
    // A supervisor marks the end of its attempt in this way.
    utimesSync(attempt, 0, 0);
    const supervisor = { ...owner, attempt: 1, started_at: 1.79e9 + i, trainer: null };
    writeFileSync(join(dir, 'supervisor.json'), JSON.stringify(supervisor));
    writeFileSync(join(dir, 'exit.json'), JSON.stringify(exit));
    writeFileSync(join(dir, 'events.jsonl'), event(1, run) + steps.join(''));
  }
  return runs;
}

function timed(args) {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** The number printed by a helper of bench/lib, which itself starts Node with these arguments. */
function byHelper(name, words, args) {
  const helper = join(import.meta.dirname, 'lib', name);
  const { stdout, status, stderr } = spawnSync(python, [helper, ...words, process.execPath, ...args], {
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

const taken = (args) => (isCpu ? byHelper('cpu_time.py', [], args) : timed(args));
/** Milliseconds until a text is shown on a real terminal of 80×24. */
const untilShown = (text, args) => byHelper('until_shown.py', [text], args);

const bin = join(root, 'bin', 'visiontrain');
const [few, many] = [pastRuns(9), pastRuns(1000)];
const sides = {
  'node with an empty script': () => taken([empty]),
  'visiontrain --help': () => taken([bin, '--help']),
  'visiontrain --version': () => taken([bin, '--version']),
  'visiontrain ps': () => taken([bin, 'ps']),
  'visiontrain ps, 9 past runs': () => taken([bin, 'ps', '--workspace', few]),
  'visiontrain ps, 1000 past runs': () => taken([bin, 'ps', '--workspace', many]),
  'visiontrain ps --older, 1000': () => taken([bin, 'ps', '--older', '--workspace', many]),
  ...(isCpu ? {} : { "the wizard's first question": () => untilShown('How do you want', [bin]) }),
};
// A run that changed less than four seconds ago is not remembered, and each run would be read then.
await setTimeout(5000);
for (const run of Object.values(sides)) run();
const times = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
for (let round = 0; round < rounds; round += 1)
  for (const [name, run] of Object.entries(sides)) times[name].push(run());

const middle = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / (isCpu ? 4 : 2))];
const base = middle(times['node with an empty script']);
console.log(`Node ${process.versions.node}, ${rounds} rounds, ${isCpu ? 'first quartiles of CPU time' : 'medians'}`);
for (const [name, values] of Object.entries(times)) {
  console.log(
    `${name.padEnd(32)} ${middle(values).toFixed(0).padStart(6)} ms   ${(middle(values) / base).toFixed(2)} ×`,
  );
}
rmSync(home, { recursive: true, force: true });
