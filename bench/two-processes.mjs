// Images a second of one process and of two (resources.devices) on a processor, in turn, with the embedded model.
//   node bench/two-processes.mjs [ROUNDS] [THREADS]        on a machine with two free cores; after npm run build
// For each run the median of all times between two steps counts, without the first ten steps. `spread` is the lowest and the
// highest of the rounds. One process is measured with one thread and with two: two processes have one thread each.
// With 1 for THREADS the one with two is left out: its threads wait for each other for ever where other things run. `cpu` is the
// processor's time of a process for a step. Where other things run, that alone says how many images two free cores would give:
// both processes wait for the slower of them, and not on the processor.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { watchCpu } from './lib/trainer-cpu.mjs';

const root = join(import.meta.dirname, '..');
const rounds = Number(process.argv[2] ?? 3);
const STEPS = 40;
const BATCH = 4;
const most = Number(process.argv[3] ?? 2);
const WAYS = [
  { name: '1 process, 1 thread', devices: 1, threads: 1 },
  { name: '1 process, 2 threads', devices: 1, threads: 2 },
  { name: '2 processes, 1 thread each', devices: 2, threads: 1 },
].filter(({ threads }) => threads <= most);

const dir = mkdtempSync(join(tmpdir(), 'visiontrain-bench-'));
const middle = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function measured({ devices, threads }, name) {
  const sets = { 'resources.devices': devices, 'resources.threads': threads };
  const words = Object.entries(sets).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const args = ['run', 'run.yaml', '--name', name, '--workspace', join(dir, 'runs'), '--no-input', '--plain', ...words];
  const [cpu] = await Promise.all([
    watchCpu(join(dir, 'runs', name), { first: 11, steps: STEPS }),
    promisify(execFile)(process.execPath, [join(root, 'bin', 'visiontrain'), ...args], { cwd: dir }),
  ]);
  const events = readFileSync(join(dir, 'runs', name, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n');
  const times = events.flatMap((line) => {
    const event = JSON.parse(line);
    return event.type === 'step' ? [event.t * 1000] : [];
  });
  const between = times.slice(11).map((time, i) => time - times[i + 10]);
  if (cpu.length !== devices) throw new Error(`${cpu.length} processes were seen, of ${devices}`);
  return { wall: (BATCH * devices * 1000) / middle(between), cpu: Math.max(...cpu), images: BATCH * devices };
}

try {
  writeFileSync(
    join(dir, 'run.yaml'),
    `version: 1
name: bench
dataset: { path: '${join(root, 'presets/tiny/lesson')}', trigger: zx, goal: concept }
model: { base: tiny }
training: { steps: ${STEPS}, batch_size: ${BATCH}, rank: 8, alpha: 8 }
samples: { every: 0, prompts: [zx] }
output: { checkpoint_every: ${STEPS} }
`,
  );
  const found = WAYS.map(() => []);
  for (let round = 0; round < rounds; round += 1)
    for (const [i, way] of WAYS.entries()) found[i].push(await measured(way, `r${round}-${i}`));
  console.log(
    `${cpus()[0]?.model ?? 'processor'}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)} at the end`,
  );
  console.log(`embedded model, batch ${BATCH} a process, ${STEPS} steps, ${rounds} rounds in turn\n`);
  for (const [i, { name, devices }] of WAYS.entries()) {
    const wall = found[i].map((run) => run.wall);
    const cpu = found[i].map((run) => run.cpu);
    const [low, high] = [Math.min(...wall).toFixed(1), Math.max(...wall).toFixed(1)];
    const ratio = (middle(wall) / middle(found[0].map((run) => run.wall))).toFixed(2);
    // What a step costs each process, and how many times the images of one process that gives when no process waits for a core.
    const busy = `cpu ${middle(cpu).toFixed(1)} ms (${Math.min(...cpu).toFixed(1)}–${Math.max(...cpu).toFixed(1)})`;
    const free = ((devices * middle(found[0].map((run) => run.cpu))) / middle(cpu)).toFixed(2);
    console.log(`${name.padEnd(28)} ${middle(wall).toFixed(1).padStart(6)} images/s (${low}–${high})   ${ratio} ×`);
    console.log(`${''.padEnd(28)} ${busy}${WAYS[i].threads === 1 ? `   ${free} × on free cores` : ''}`);
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
