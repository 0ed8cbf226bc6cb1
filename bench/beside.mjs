// What stands beside a run, on and off in turn: bytes must be equal, and a step must take as long.
//   node bench/beside.mjs [ROUNDS] [STEPS]        after npm run build; the embedded model on the processor, one thread
// `on` is: TensorBoard, images, Prometheus, W&B and trackio offline, a hook on each start, checkpoint, sample and end, a web hook
// that answers late, and the queue that starts the run. The first five steps do not count. `cpu` is the processor's time that the
// trainer has got for a step, which counts on a machine that does other things; `wall` is the median of the times
// between two steps. The spread is the lowest and the highest of the rounds. It ends with 1 unless all files have one SHA-256.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { watchCpu } from './lib/trainer-cpu.mjs';

const root = join(import.meta.dirname, '..');
const rounds = Number(process.argv[2] ?? 3);
const steps = Number(process.argv[3] ?? 60);
const FIRST = 5;
const dir = mkdtempSync(join(tmpdir(), 'visiontrain-bench-'));
const runs = join(dir, 'runs');
const middle = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

let told = 0;
const server = createServer((_request, response) => {
  told += 1;
  setTimeout(() => response.writeHead(204).end(), 500);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const config = join(dir, 'config');
mkdirSync(join(config, 'visiontrain'), { recursive: true, mode: 0o700 });
const notify = 'notify: {web: [{format: json, url_env: BENCH_HOOK, events: [checkpoint, sample, finished]}]}\n';
const { VISIONTRAIN_HOME: _, ...outside } = process.env;
const address = `http://127.0.0.1:${server.address().port}/x`;
const env = { ...outside, XDG_CONFIG_HOME: config, BENCH_HOOK: address, TRACKIO_DIR: join(dir, 'trackio') };
const visiontrain = (args, given) =>
  promisify(execFile)(process.execPath, [join(root, 'bin', 'visiontrain'), ...args, '--plain', '--no-input'], {
    cwd: dir,
    env: given,
  });

const events = ['on_start', 'on_checkpoint', 'on_sample', 'on_finish'];
const hooks = events.flatMap((name) => ['--set', `hooks.${name}=[{run: "cat > /dev/null; echo seen >> ../hooked"}]`]);
const OFF = ['logging.tensorboard=false', 'logging.images=false'].flatMap((each) => ['--set', each]);
const offline = ['wandb', 'trackio'].map((to) => `{to: ${to}, project: bench, mode: offline}`);
const ON = ['--set', 'logging.prometheus=true', '--set', `logging.trackers=[${offline}]`, ...hooks, '--allow-hooks'];

const read = (...path) => {
  try {
    return readFileSync(join(runs, ...path), 'utf8');
  } catch {
    return '';
  }
};
async function train(name, isOn) {
  const where = ['--workspace', runs];
  const started = isOn
    ? visiontrain(['queue', 'add', 'run.yaml', '--name', name, ...ON, ...where], env).then(() =>
        visiontrain(['queue', 'run', ...where], env),
      )
    : // No terminal watches either kind of run.
      visiontrain(['run', 'run.yaml', '--name', name, ...OFF, ...where], { ...env, VISIONTRAIN_NOTIFY: 'off' });
  const [[cpu]] = await Promise.all([watchCpu(join(runs, name), { first: FIRST + 1, steps }), started]);
  const exit = JSON.parse(read(name, 'exit.json'));
  if (exit.status !== 'finished') throw new Error(`${name} ended as ${exit.status}: ${exit.reason}`);
  const lines = read(name, 'events.jsonl').trim().split('\n').map(JSON.parse);
  const times = lines.flatMap(({ type, t }) => (type === 'step' ? [t * 1000] : []));
  const wall = middle(times.slice(FIRST + 1).map((time, i) => time - times[i + FIRST]));
  return { cpu, wall, sha256: exit.outputs[0].sha256, notes: lines.filter(({ level }) => level === 'warn') };
}

/** What the last run has left for other programs. */
const kept = (name) =>
  readdirSync(join(runs, name))
    .filter((each) => ['tensorboard', 'metrics.prom', 'wandb'].includes(each))
    .join(', ');

try {
  writeFileSync(join(config, 'visiontrain', '.visiontrainrc.yaml'), notify, { mode: 0o600 });
  writeFileSync(
    join(dir, 'run.yaml'),
    `version: 1
name: bench
dataset: { path: '${join(root, 'presets/tiny/lesson')}', trigger: zx, goal: concept }
model: { base: tiny }
training: { steps: ${steps}, batch_size: 2, rank: 8, alpha: 8 }
samples: { every: ${Math.ceil(steps / 2)}, steps: 2, prompts: [zx] }
output: { checkpoint_every: ${Math.ceil(steps / 4)} }
resources: { device: cpu, threads: 1 }
`,
  );
  await visiontrain(['setup', '--wandb', '--trackio'], env);
  const found = { off: [], on: [] };
  for (let round = 0; round < rounds; round += 1)
    for (const way of ['off', 'on']) found[way].push(await train(`${way}-${round}`, way === 'on'));
  const hooked = read('hooked').trim().split('\n').length;
  const load = loadavg()[0]?.toFixed(1);
  console.log(`${cpus()[0]?.model ?? 'processor'}, ${cpus().length} cores, load ${load} at the end`);
  console.log(`embedded model, ${steps} steps, ${rounds} rounds in turn; ${hooked} hooks ran, ${told} notices came\n`);
  for (const [way, list] of Object.entries(found)) {
    const shown = ['cpu', 'wall'].map((kind) => {
      const ms = list.map((run) => run[kind]);
      const [low, high] = [Math.min(...ms).toFixed(1), Math.max(...ms).toFixed(1)];
      return `${kind} ${middle(ms).toFixed(1).padStart(7)} ms a step (${low}–${high})`;
    });
    console.log(`${way.padEnd(4)} ${shown.join('   ')}`);
  }
  for (const { text } of found.on.flatMap(({ notes }) => notes)) console.log(`a warning of the run: ${text}`);
  console.log(`TensorBoard, Prometheus and W&B of the last run: ${kept(`on-${rounds - 1}`)}`);
  const hashes = new Set(Object.values(found).flatMap((list) => list.map(({ sha256 }) => sha256)));
  console.log(hashes.size === 1 ? `\nall files have ${[...hashes][0]}` : `\nDIFFERENT FILES: ${[...hashes].join(' ')}`);
  process.exitCode = hashes.size === 1 && told > 0 && hooked > 0 ? 0 : 1;
} finally {
  server.close();
  if (process.env.BENCH_KEEP === undefined) rmSync(dir, { recursive: true, force: true });
  else console.log(`kept: ${dir}`);
}
