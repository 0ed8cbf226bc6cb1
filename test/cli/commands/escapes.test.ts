/** Escape sequences in every text of a run, a data set or a model: none reaches the terminal. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../src/engine/events/schema.ts';
import { followRun } from '../../../src/engine/runs/follow.ts';
import { startRun } from '../../../src/engine/runs/start.ts';
import { cli } from '../../helpers/cli.ts';
import { foreign, planted, plantedName } from '../../helpers/escapes.ts';
import { FixtureHome } from '../../helpers/fixture-run.ts';
import { HubServer } from '../../helpers/hub-server.ts';
import { png } from '../../helpers/png.ts';
import { trainingStory } from '../../helpers/run-story.ts';
import { kinds, safetensors } from '../../helpers/safetensors.ts';
import { Terminal } from '../../helpers/tmux.ts';

const bin = join(import.meta.dirname, '../../../bin/visiontrain');

/** `value` with hostile text in every text field, except those that the program acts on (`keep`). */
function plant<T>(value: T, keep: readonly string[]): T {
  if (typeof value === 'string') return `${planted}${value}` as T;
  if (Array.isArray(value)) return value.map((item) => plant(item, keep)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inside]) => [key, keep.includes(key) ? inside : plant(inside, keep)]),
  ) as T;
}

/** Events with text in place of numbers. */
const lies: readonly object[] = [
  { type: 'run', name: planted, attempt: planted, steps: planted, host: planted, device: planted, version: planted },
  { type: 'phase', phase: planted, detail: planted },
  { type: 'progress', phase: planted, item: planted, unit: planted, done: 1, total: 2, detail: planted },
  { type: 'note', level: 'warn', text: planted },
  { type: 'checkpoint', step: planted, path: planted, bytes: 1 },
  { type: 'sample_failed', step: planted, reason: planted },
  { type: 'output', path: planted, bytes: 1, sha256: planted, format: planted },
  { type: 'exit', status: planted, code: planted, step: planted, reason: planted },
];

function hostileEvents(): string {
  const end = Date.now() / 1000;
  const keep = ['type', 'phase', 'unit', 'level', 'verdict', 'status'];
  const events = trainingStory({ name: 'fox', steps: 20, upTo: 20, every: 10, end }).map((event) => plant(event, keep));
  const more = lies.map((lie, i) => ({ v: 2, seq: events.length + 1 + i, t: end, ...lie }) as unknown as RunEvent);
  return [...events, ...more].map((event) => `${JSON.stringify(event)}\n`).join('');
}

const home = new FixtureHome();
const hub = new HubServer();
let run = '';
let images = '';

beforeAll(async () => {
  await hub.start();
  home.env.HF_ENDPOINT = hub.url;
  const made = home.create(3);
  await startRun(made, home.env);
  for await (const _ of followRun(made.dir, { intervalMs: 20 }));
  run = join(home.runs, `fox${plantedName}`);
  renameSync(made.dir, run);
  const plan = JSON.parse(readFileSync(join(run, 'plan.json'), 'utf8'));
  const kept = ['version', 'layout', 'family', 'device', 'path', 'root'];
  writeFileSync(
    join(run, 'plan.json'),
    JSON.stringify(plant({ ...plan, samples: { ...plan.samples, prompts: ['x'] } }, kept)),
  );
  writeFileSync(join(run, 'events.jsonl'), hostileEvents());
  // These events are valid in shape, because a malformed one is passed over and none of its text would be shown.
  const outputs = [{ path: planted, bytes: 1, sha256: planted }];
  const words = { reason: planted, details: [planted], next_steps: [planted, `visiontrain ${planted}`] };
  writeFileSync(join(run, 'exit.json'), JSON.stringify({ status: 'failed', code: 5, step: 20, outputs, ...words }));
  writeFileSync(join(run, 'trainer.log'), `${planted}\n`.repeat(3));
  images = join(home.dir, `pictures${plantedName}`);
  mkdirSync(images);
  for (let i = 0; i < 6; i += 1) {
    writeFileSync(
      join(images, `${plantedName}${i}.png`),
      png(96, 96, (x, y) => [x, y, i * 30]),
    );
    writeFileSync(join(images, `${plantedName}${i}.txt`), `${planted} fox`);
  }
  writeFileSync(join(images, `${plantedName}.jpg`), 'no picture');
  const weights = safetensors(kinds.sdxl);
  hub.put('me/small', 'small.safetensors', weights);
  const models = join(home.dir, 'config', 'models');
  mkdirSync(models, { recursive: true });
  const sha256 = createHash('sha256').update(weights).digest('hex');
  writeFileSync(
    join(models, 'small.yaml'),
    `version: 1
models:
  - id: small
    title: ${JSON.stringify(planted)}
    summary: ${JSON.stringify(planted)}
    family: sdxl
    resolution: 1024
    layout: single_file
    recipe_set: sdxl
    caption_style: tags
    guidance: ${JSON.stringify(planted)}
    license: {name: ${JSON.stringify(planted)}, url: 'https://example.invalid', restrictions: ${JSON.stringify(planted)}, acceptance: false}
    files:
      - {path: small.safetensors, role: weights, bytes: ${weights.length}, sha256: ${sha256}, sources: [{kind: hub, repo: me/small, revision: ${'a'.repeat(40)}, path: small.safetensors}]}
`,
  );
  writeFileSync(
    join(home.dir, 'bad.yaml'),
    `version: 1\nname: ${JSON.stringify(planted)}\n${JSON.stringify(planted)}: 1\n`,
  );
});

afterAll(async () => {
  rmSync(run, { recursive: true, force: true });
  await hub.stop();
  await home.remove();
});

describe('no command lets an escape sequence through', { timeout: 600_000 }, () => {
  const commands = (): (readonly string[])[] => [
    ['ps'],
    ['status', run],
    ['attach', run],
    ['logs', run],
    ['stop', run],
    ['verify', run],
    ['dataset', 'check', images],
    ['models', 'list'],
    ['models', 'info', 'small'],
    ['models', 'add', 'me/small'],
    ['models', 'pull', 'small'],
    ['models', 'verify', 'small'],
    ['run', join(home.dir, 'bad.yaml')],
    ['run', 'bad.yaml', '--set', `training.${planted}=1`],
    ['explain', planted],
    ['config', '--workspace', `/tmp/${plantedName}`],
    [planted],
    ['ps', `--${planted}`],
    ['status', planted, '--debug'],
    ['new', images, '--yes', '-o', join(home.dir, `${plantedName}.yaml`)],
  ];

  it('into a pipe', async () => {
    for (const args of commands()) {
      const { stdout, stderr } = await cli(args, home.env, home.dir);
      const said = stdout + stderr;
      expect(said.length, args.join(' ')).toBeGreaterThan(0);
      expect(foreign(said), JSON.stringify(args)).toBe('');
      expect(said, JSON.stringify(args)).not.toContain('\u001b');
    }
  });

  it('as JSON, which is equal when parsed', async () => {
    for (const args of commands().filter(([name]) => name !== 'new' && name !== planted)) {
      const { stdout, stderr } = await cli([...args, '--json'], home.env, home.dir);
      expect(foreign(stdout + stderr), JSON.stringify(args)).toBe('');
    }
    const { stdout } = await cli(['status', run, '--json'], home.env);
    expect(JSON.parse(stdout)).toMatchObject({ dir: run, exit: { reason: planted, details: [planted] } });
    expect(stdout).toContain(String.raw`\u009b2J\u202eowned`);
  });
});

describe('no screen lets an escape sequence through', { timeout: 600_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'vt-escapes-'));
  const record = join(dir, 'sent');
  let terminal: Terminal | undefined;
  afterAll(() => {
    terminal?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  function start(command: readonly string[]): Terminal {
    terminal?.close();
    const go = ['sh', '-c', 'read go; exec "$@"', 'sh', ...command];
    terminal = new Terminal(go, { cwd: home.dir, env: { VISIONTRAIN_HOME: home.dir } });
    terminal.record(record);
    terminal.keys('Enter');
    return terminal;
  }

  it('of a run that is over, attached to in colours', async () => {
    const t = start([process.execPath, bin, 'attach', run]);
    await t.shows(/\[exit \d+\]/);
    expect(foreign(readFileSync(record, 'utf8'))).toBe('');
  });

  it('of the wizard: folders, captions, the review and the file', async () => {
    const t = start([process.execPath, bin, 'new', images]);
    await t.shows('1/7  Mode');
    t.keys('Enter');
    await t.shows(/6 of 7 pictures will be used/);
    for (let i = 0; i < 12 && !t.screen().join('\n').includes('Start now'); i += 1) {
      const before = t.history();
      t.keys('Enter');
      while (t.history() === before) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await t.shows('Start now');
    t.keys('C-c');
    await t.shows(/\[exit 130\]/);
    expect(foreign(readFileSync(record, 'utf8'))).toBe('');
  });
});
