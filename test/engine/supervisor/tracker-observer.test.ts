/** Trackers that are down, hang, die and flood: the run goes on, and the person reads of it once. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../src/engine/events/schema.ts';
import { type LiveFolder, openFolder } from '../../../src/engine/runs/live-folder.ts';
import { TrackerObserver } from '../../../src/engine/supervisor/tracker-observer.ts';

const trainer = join(import.meta.dirname, '../../../trainer');
let dir = '';
let folder: LiveFolder;
beforeAll(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'vt-tracker-')));
  // As the supervisor has the folder: by a path that leads there wherever it is moved, and in this process alone.
  folder = openFolder(dir);
  for (const name of ['site', 'samples']) mkdirSync(join(dir, name));
  writeFileSync(join(dir, 'samples', 'a.png'), '');
  // A stand-in for the package: it records its calls, and behaves as FAKE says.
  writeFileSync(
    join(dir, 'site', 'wandb.py'),
    `
import json, os, time
FAKE = os.environ["FAKE"]
def note(**what):
    with open(os.environ["FAKE_LOG"], "a") as file: file.write(json.dumps(what) + "\\n")
def Settings(**settings): return settings
def Image(path): open(path).close(); return path
class Run:
    def define_metric(self, *names, **how): pass
    def log(self, values):
        if FAKE == "dies": os._exit(7)
        if FAKE == "hangs": time.sleep(600)
        if FAKE == "raises": raise ValueError("the server\\n says \\x1b[31mno")
        note(log=values)
    def finish(self, exit_code):
        if FAKE == "never ends": time.sleep(600)
        note(finish=exit_code)
def init(**how):
    print("noise " * 20000)
    if FAKE == "no key": raise RuntimeError("api_key not configured (no-tty). call wandb.login(key=[your_api_key])")
    note(init={key: how[key] for key in ("project", "name", "mode", "resume", "config")}, id=len(how["id"]))
    return Run()
`,
  );
});
afterAll(() => {
  folder.close();
  rmSync(dir, { recursive: true, force: true });
});

const T = 1_790_000_000;
function story(steps: number): RunEvent[] {
  const head = [
    { type: 'run', name: 'fox', attempt: 1, steps, device: 'cpu' },
    { type: 'start', step: 0, batches_per_epoch: 2 },
  ];
  const middle = Array.from({ length: steps }, (_, i) => ({ type: 'step', step: i + 1, loss: 1 / (i + 1), lr: 1e-4 }));
  const tail = [
    { type: 'validation', step: steps, loss: 0.5 },
    { type: 'sample', step: steps, index: 0, adapter: true, path: 'samples/a.png' },
    { type: 'exit', code: 0, step: steps, status: 'finished', reason: 'finished' },
  ];
  return [...head, ...middle, ...tail].map(
    (event, i) => ({ v: 2, seq: i + 1, t: T + i, ...event }) as unknown as RunEvent,
  );
}

async function track(FAKE: string, steps = 4, lastMs = 20_000): Promise<{ lost: string[]; log: object[]; ms: number }> {
  const file = join(dir, `${FAKE}.jsonl`);
  writeFileSync(file, '');
  const lost: string[] = [];
  const env = {
    ...process.env,
    ...{ FAKE, FAKE_LOG: file, PYTHONDONTWRITEBYTECODE: '1' },
    PYTHONPATH: [trainer, join(dir, 'site')].join(delimiter),
  };
  const observer = new TrackerObserver({
    tracker: { to: 'wandb', project: 'foxes', mode: 'offline', space: null },
    ...{ every: 2, images: true, runDir: folder.dir, config: { 'training.rank': 8 }, lastMs },
    python: async () => {
      if (FAKE === 'not installed') throw new Error('pip found no network');
      return { python: FAKE === 'no Python' ? join(dir, 'nothing') : 'python3', env };
    },
    onLost: (sentence) => lost.push(sentence),
  });
  const began = performance.now();
  observer.take(story(steps), true);
  const ms = performance.now() - began;
  await observer.close();
  const log = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return { lost, ms, log: log.map((line) => JSON.parse(line)) };
}

describe('a tracker', () => {
  it('is handed the values under the tags of sd-scripts, the samples, the settings and the end', async () => {
    const { lost, log } = await track('works');
    expect(lost).toEqual([]);
    expect(log).toEqual([
      {
        init: { project: 'foxes', name: 'fox', mode: 'offline', resume: 'allow', config: { 'training.rank': 8 } },
        id: 16,
      },
      { log: { 'loss/current': 0.75, 'loss/average': 0.75, 'lr/unet': 1e-4, step: 2 } },
      { log: expect.objectContaining({ 'loss/current': (1 / 3 + 1 / 4) / 2, step: 4 }) },
      { log: { 'loss/validation': 0.5, step: 4 } },
      { log: { 'samples/0': join(dir, 'samples/a.png'), step: 4 } },
      { finish: 0 },
    ]);
  });

  it.each([
    [
      'no key',
      'W&B gets nothing more: RuntimeError: api_key not configured (no-tty). call wandb.login(key=[your_api_key])',
    ],
    ['raises', 'W&B gets nothing more: ValueError: the server says \ufffd[31mno'],
    ['dies', 'W&B gets nothing more: it ended with code 7'],
    ['not installed', 'W&B gets nothing more: pip found no network'],
    ['no Python', /W&B gets nothing more: spawn .*ENOENT/],
    ['hangs', /it did not end within 1.5 s/],
    ['never ends', /it did not end within 1.5 s/],
  ])('that has %s is reported once', async (fake, said) => {
    const { lost, ms } = await track(fake, 4, fake === 'hangs' || fake === 'never ends' ? 1500 : 20_000);
    expect(lost).toEqual([
      typeof said === 'string' ? `${said}. The run is not touched by it.` : expect.stringMatching(said),
    ]);
    expect(ms).toBeLessThan(200);
  });

  it('that accepts nothing is let go before its queue fills the memory', async () => {
    const { lost } = await track('hangs', 100_000, 1500);
    expect(lost).toEqual([expect.stringContaining('it takes nothing any more')]);
  });
});
