import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import { groupMembers } from '../../../src/base/process/group.ts';
import { identify, ps } from '../../../src/base/process/identity.ts';
import { reduceAll } from '../../../src/engine/events/reducer.ts';
import { initialState, type RunState } from '../../../src/engine/events/run-state.ts';
import { payloads, type RunEvent } from '../../../src/engine/events/schema.ts';
import { readEvents } from '../../../src/engine/events/tail.ts';
import { planSchema } from '../../../src/engine/plan/schema.ts';
import { makeRequest } from '../../../src/engine/run-folder/requests.ts';
import { readExit, readSupervisor } from '../../../src/engine/run-folder/run-files.ts';
import type { RunRef } from '../../../src/engine/runs/create.ts';
import { followRun } from '../../../src/engine/runs/follow.ts';
import { inspectRun } from '../../../src/engine/runs/inspect.ts';
import { startRun } from '../../../src/engine/runs/start.ts';
import { runCondition } from '../../../src/engine/runs/summary.ts';
import { FixtureHome, until } from '../../helpers/fixture-run.ts';

const root = join(import.meta.dirname, '../../..');

let home: FixtureHome;
afterEach(() => home.remove());

const events = (run: RunRef): RunEvent[] => [...readEvents(run.dir)].flat();
const state = (run: RunRef): RunState => reduceAll(initialState, events(run));
async function ends(run: RunRef): Promise<void> {
  for await (const _ of followRun(run.dir, { intervalMs: 20 }));
}
async function trains(run: RunRef): Promise<number> {
  await until(() => state(run).step > 0);
  return readSupervisor(run.dir)?.trainer?.pid as number;
}

describe('a run', () => {
  it('goes from start to exit.json, in valid events', async () => {
    home = new FixtureHome({ HF_TOKEN: 'secret-a', CIVITAI_TOKEN: 'secret-b', HTTPS_PROXY: 'http://u:secret-c@p' });
    const run = home.create();
    planSchema.parse(JSON.parse(readFileSync(join(run.dir, 'plan.json'), 'utf8')));
    expect(inspectRun(run.dir)).toMatchObject({ state: 'created', attempt: 0 });
    await startRun(run, home.env);
    await ends(run);
    expect(readExit(run.dir)).toMatchObject({
      status: 'finished',
      code: 0,
      step: 5,
      outputs: [{ path: 'output/fox.safetensors', bytes: 4 }],
    });
    const all = events(run);
    for (const event of all) payloads[event.type].parse(event);
    expect(all.map((e) => e.seq)).toEqual(all.map((_, i) => i + 1));
    expect(all[0]).toMatchObject({ type: 'run', name: 'fox', attempt: 1, steps: 5 });
    expect(all.at(-1)).toMatchObject({ type: 'exit', status: 'finished' });
    expect(inspectRun(run.dir)).toMatchObject({ state: 'finished', step: 5, steps: 5, device: 'cpu', attempt: 1 });
    // The end is also visible to a machine that cannot see the process.
    await until(() => statSync(join(run.dir, 'attempts', '1.json')).mtimeMs === 0);
    // The result does not depend on how many events lie between the beginning and the end of the file.
    const middle = Array.from({ length: 2000 }, () =>
      JSON.stringify({ v: 2, seq: 2, t: 1, type: 'heartbeat', phase: 'cache' }),
    );
    writeFileSync(join(run.dir, 'events.jsonl'), `${[JSON.stringify(all[0]), ...middle].join('\n')}\n`);
    expect(inspectRun(run.dir)).toMatchObject({ steps: 5, device: 'cpu' });
    const event = (type: string, more: object) => JSON.stringify({ v: 2, seq: 2, t: 1, type, ...more });
    const trained = Array.from({ length: 2000 }, (_, i) => event('step', { step: i + 1, epoch: 0, loss: 1, lr: 1 }));
    const fetched = Array.from({ length: 2000 }, () =>
      event('progress', { phase: 'download', unit: 'bytes', done: 1 }),
    );
    const phases = [event('phase', { phase: 'environment' }), event('heartbeat', { phase: 'environment' })];
    rmSync(join(run.dir, 'exit.json'));
    for (const [newest, phase] of [
      [trained, 'train'],
      [fetched, 'download'],
    ] as const) {
      writeFileSync(join(run.dir, 'events.jsonl'), `${[JSON.stringify(all[0]), ...phases, ...newest].join('\n')}\n`);
      const claims = join(run.dir, 'attempts');
      writeFileSync(join(claims, '1.json'), JSON.stringify(identify(process.pid)));
      expect(inspectRun(run.dir)).toMatchObject({ state: 'live', phase });
      rmSync(join(claims, '1.json'));
    }
    const seen = readFileSync(join(run.dir, 'env-seen.json'), 'utf8');
    expect(seen).not.toContain('secret-');
    expect(JSON.parse(seen)).toMatchObject({ PYTHONHASHSEED: '0', OMP_NUM_THREADS: '1', HF_HUB_OFFLINE: '1' });
    expect(readFileSync(join(run.dir, 'trainer.log'), 'utf8')).toContain('hello from the trainer');
  });

  it.each([
    ['kept', 0o700],
    ['new each time, where others may write to the cache', 0o777],
  ])('has a folder of its own for compiled code: %s', async (_, mode) => {
    home = new FixtureHome();
    const { cache } = places(home.env);
    mkdirSync(cache);
    chmodSync(cache, mode);
    const run = home.create();
    await startRun(run, home.env);
    await ends(run);
    const seen = JSON.parse(readFileSync(join(run.dir, 'env-seen.json'), 'utf8'));
    const folder = dirname(seen.TORCHINDUCTOR_CACHE_DIR);
    // PyTorch's default is a name below /tmp that anybody can take first, and code in it is run.
    expect([dirname(folder) === cache, folder.startsWith(join(tmpdir(), 'visiontrain-compiled-'))]).toEqual([
      mode === 0o700,
      mode === 0o777,
    ]);
    expect(dirname(seen.TRITON_CACHE_DIR)).toBe(folder);
    expect(existsSync(folder)).toBe(mode === 0o700);
  });

  it('cannot be started twice, however close together', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.2' });
    const run = home.create(100);
    const starts = await Promise.allSettled([
      startRun(run, home.env),
      startRun(run, home.env),
      startRun(run, home.env),
    ]);
    expect(starts.filter((s) => s.status === 'fulfilled')).toHaveLength(1);
    for (const s of starts) if (s.status === 'rejected') expect(String(s.reason)).toContain('fox is already running');
    await trains(run);
    await expect(startRun(run, home.env)).rejects.toThrow('fox is already running');
    expect(events(run).filter((e) => e.type === 'run')).toHaveLength(1);
  });

  it('stops on request with a checkpoint, and goes on from there when resumed', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.05' });
    const run = home.create(1000);
    await startRun(run, home.env);
    const trainer = await trains(run);
    makeRequest(run.dir, 'stop');
    await ends(run);
    const exit = readExit(run.dir);
    expect(exit).toMatchObject({ status: 'stopped', code: 75, next_steps: ['visiontrain resume fox'] });
    expect(groupMembers(trainer)).toEqual([]);
    await startRun(run, { ...home.env, FIXTURE_SECONDS: '0.001' });
    expect(readExit(run.dir)).toBeNull();
    await ends(run);
    expect(readExit(run.dir)).toMatchObject({ status: 'finished', step: 1000 });
    const starts = events(run).filter((e) => e.type === 'start');
    expect(starts.map((e) => e.step)).toEqual([0, exit?.step]);
    expect(state(run)).toMatchObject({ attempt: 2, step: 1000 });
    expect(existsSync(join(run.dir, 'trainer.1.log'))).toBe(true);
  });

  it('is stopped gracefully when its supervisor is terminated, and survives a hangup', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.05' });
    const run = home.create(1000);
    await startRun(run, home.env);
    await trains(run);
    const supervisor = readSupervisor(run.dir)?.pid as number;
    process.kill(supervisor, 'SIGHUP');
    const before = state(run).step;
    await until(() => state(run).step > before + 2);
    process.kill(supervisor, 'SIGTERM');
    await ends(run);
    expect(readExit(run.dir)).toMatchObject({ status: 'stopped', code: 75 });
    expect(existsSync(join(run.dir, 'checkpoints/step'))).toBe(true);
  });

  it('ends a trainer that ignores a stop when asked to kill, with all its children', async () => {
    home = new FixtureHome({ FIXTURE: 'orphan', FIXTURE_SECONDS: '0.05' });
    const run = home.create(10_000);
    await startRun(run, home.env);
    const trainer = await trains(run);
    expect(groupMembers(trainer).length).toBeGreaterThan(1);
    makeRequest(run.dir, 'kill');
    await ends(run);
    expect(readExit(run.dir)).toMatchObject({ status: 'stopped', code: 75 });
    expect(groupMembers(trainer)).toEqual([]);
  });
});

describe('a trainer that fails', () => {
  it('is explained by its last lines', async () => {
    home = new FixtureHome({ FIXTURE: 'crash' });
    const run = home.create();
    await startRun(run, home.env);
    await ends(run);
    const exit = readExit(run.dir);
    expect(exit).toMatchObject({ status: 'failed', code: 5, id: 'training/crashed' });
    expect(exit?.reason).toContain('RuntimeError: the card is on fire');
    expect(exit?.details).toContain('hello from the trainer');
  });

  it('counts as a failure even after it was asked to stop', async () => {
    home = new FixtureHome({ FIXTURE: 'crash_at_stop', FIXTURE_SECONDS: '0.02' });
    const run = home.create(1000);
    await startRun(run, home.env);
    await trains(run);
    makeRequest(run.dir, 'stop');
    await ends(run);
    expect(readExit(run.dir)).toMatchObject({ status: 'failed', code: 5 });
    expect(readExit(run.dir)?.reason).toContain('the checkpoint caught fire');
  });

  it('is told apart from one that was killed', async () => {
    home = new FixtureHome({ FIXTURE: 'killed' });
    const run = home.create();
    await startRun(run, home.env);
    await ends(run);
    expect(readExit(run.dir)).toMatchObject({ status: 'failed', code: 5, id: 'training/killed', step: 3 });
    expect(readExit(run.dir)?.reason).toMatch(/SIGKILL|out of memory/);
  });

  /** Mounts a small file system of its own, which is soon full. The test runs only where mounting is allowed. */
  const mounted = (folder: string): boolean => {
    mkdirSync(folder, { recursive: true });
    return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]).status === 0;
  };

  it('for lack of disk space says so in exit.json, for which space was reserved', async (context) => {
    home = new FixtureHome({ FIXTURE: 'full' });
    if (!mounted(home.runs)) context.skip();
    try {
      const run = home.create();
      await startRun(run, home.env);
      await ends(run);
      expect(readExit(run.dir)).toMatchObject({
        status: 'failed',
        code: 3,
        id: 'disk/full',
        step: 3,
        reason: `The disk that holds ${run.dir} is full.`,
      });
      expect(readExit(run.dir)?.next_steps.at(-1)).toBe('visiontrain resume fox');
      expect(existsSync(join(run.dir, '.reserve'))).toBe(false);
      rmSync(join(run.dir, 'filler'));
      await startRun(run, { ...home.env, FIXTURE: 'finish' });
      await ends(run);
      expect(readExit(run.dir)).toMatchObject({ status: 'finished', step: 5 });
      expect(existsSync(join(run.dir, '.reserve'))).toBe(false);
    } finally {
      spawnSync('umount', ['--lazy', home.runs]);
    }
  });

  it('is ended when its failure cannot be written down', async () => {
    const python = join(mkdtempSync(join(tmpdir(), 'vt-python-')), 'python');
    home = new FixtureHome({ FIXTURE_SECONDS: '60', VISIONTRAIN_PYTHON: python });
    const run = home.create();
    // Once it was asked for its files, supervisor.json cannot be replaced: it is a folder with a file in it.
    const spoil = `sleep 1; rm '${run.dir}/supervisor.json'; mkdir -p '${run.dir}/supervisor.json/x'`;
    writeFileSync(python, `#!/bin/sh\ncase "$2" in -c) ${spoil};; esac\nexec '${join(home.dir, 'python')}' "$@"\n`);
    chmodSync(python, 0o755);
    await startRun(run, home.env);
    await ends(run);
    expect(readExit(run.dir)?.status).toBe('failed');
    await until(() => !runCondition(run.dir).supervised);
    await until(() => !ps(['-A', '-o', 'args']).includes(run.dir));
    rmSync(dirname(python), { recursive: true });
  });

  it('is not believed when it names a damaged LoRA file', async () => {
    home = new FixtureHome({ FIXTURE: 'liar' });
    const run = home.create();
    await startRun(run, home.env);
    await ends(run);
    expect(readExit(run.dir)).toMatchObject({ status: 'failed', code: 5, id: 'training/no-lora', outputs: [] });
    expect(readExit(run.dir)?.reason).toContain('fox.safetensors is damaged');
  });
});

describe('before the training', () => {
  /** A VAE of the person's own list, whose one file lies on a server. */
  function addVae(url: string, bytes: Buffer): { id: string; path: string } {
    const { config, models } = places(home.env);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    mkdirSync(join(config, 'models'), { recursive: true });
    const file = {
      path: 'vae.safetensors',
      role: 'weights',
      bytes: bytes.length,
      sha256,
      sources: [{ kind: 'url', url }],
    };
    const license = { name: 'none', url, restrictions: '', acceptance: false };
    const entry = {
      id: 'my-vae',
      kind: 'vae',
      title: 'My VAE',
      summary: '',
      families: ['sd15'],
      layout: 'single_file',
      files: [file],
      license,
    };
    writeFileSync(join(config, 'models', 'mine.yaml'), JSON.stringify({ version: 1, assets: [entry] }));
    return { id: 'my-vae', path: join(models, 'my-vae', 'vae.safetensors') };
  }

  async function serve(answer: RequestListener): Promise<{ url: string; close: () => void }> {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/vae.safetensors`;
    return { url, close: () => server.close() };
  }

  it('missing files of the model are fetched, as events of the same stream', async () => {
    // The VAE fits the model, because what was fetched is examined before training.
    const bytes = readFileSync(join(root, 'presets', 'tiny', 'sd15', 'vae', 'diffusion_pytorch_model.safetensors'));
    const { url, close } = await serve((_, response) => response.setHeader('content-length', bytes.length).end(bytes));
    home = new FixtureHome();
    const vae = addVae(url, bytes);
    const run = home.create(5, 'fox', vae);
    await startRun(run, home.env);
    await ends(run);
    close();
    expect(readExit(run.dir)).toMatchObject({ status: 'finished' });
    expect(readFileSync(vae.path).equals(bytes)).toBe(true);
    const all = events(run);
    for (const event of all) payloads[event.type].parse(event);
    const done = { phase: 'download', unit: 'bytes', done: bytes.length, total: bytes.length };
    expect(all.filter((e) => e.type === 'progress').at(-1)).toMatchObject(done);
    expect(state(run).phases.map((p) => p.phase)).toEqual(['download', 'train']);
  });

  it('a stop while the model is fetched ends the run at once, to be resumed', async () => {
    let asked = false;
    const { url, close } = await serve(() => {
      asked = true;
    });
    home = new FixtureHome();
    const run = home.create(5, 'fox', addVae(url, Buffer.alloc(1000)));
    await startRun(run, home.env);
    await until(() => asked);
    makeRequest(run.dir, 'stop');
    await ends(run);
    close();
    expect(readExit(run.dir)).toMatchObject({ status: 'stopped', code: 75, next_steps: ['visiontrain resume fox'] });
  });

  it('a model that cannot be fetched ends the run with the download code', async () => {
    const { url, close } = await serve((_, response) => response.writeHead(404).end());
    home = new FixtureHome();
    const run = home.create(5, 'fox', addVae(url, Buffer.from('x')));
    await startRun(run, home.env);
    await ends(run);
    close();
    expect(readExit(run.dir)).toMatchObject({ status: 'failed', code: 4, id: 'download/failed' });
    expect(readExit(run.dir)?.next_steps.at(-1)).toBe('visiontrain resume fox');
  });

  it('an error in the run.yaml of the run is told in exit.json', async () => {
    home = new FixtureHome();
    const run = home.create();
    const yaml = join(run.dir, 'run.yaml');
    writeFileSync(yaml, readFileSync(yaml, 'utf8').replace(/base: tiny/, 'base: /mnt/gone.safetensors'));
    await startRun(run, home.env);
    await ends(run);
    expect(readExit(run.dir)).toMatchObject({ status: 'failed', code: 2, id: 'spec/wrong' });
    expect(readExit(run.dir)?.details.join()).toMatch(/model\.base .*\/mnt\/gone\.safetensors/);
  });

  it('a Python that is not there ends it with the environment code', async () => {
    home = new FixtureHome({ VISIONTRAIN_PYTHON: '/nowhere/python' });
    const run = home.create();
    await startRun(run, home.env);
    await ends(run);
    expect(readExit(run.dir)).toMatchObject({ status: 'failed', code: 3 });
  });
});

describe('a supervisor that is killed', () => {
  it('leaves a live run while the trainer trains, and a dead one that can be resumed', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.05' });
    const run = home.create(1000);
    await startRun(run, home.env);
    const trainer = await trains(run);
    process.kill(readSupervisor(run.dir)?.pid as number, 'SIGKILL');
    await until(() => !runCondition(run.dir).supervised);
    expect(runCondition(run.dir).state).toBe('live');
    await expect(startRun(run, home.env)).rejects.toThrow('already running');
    process.kill(trainer, 'SIGKILL');
    await until(() => runCondition(run.dir).state !== 'live');
    expect(inspectRun(run.dir)).toMatchObject({ state: 'died', supervised: false });
    // A writer that died has left an incomplete line.
    appendFileSync(join(run.dir, 'events.jsonl'), '{"v":2,"se');
    await startRun(run, { ...home.env, FIXTURE_SECONDS: '0' });
    await ends(run);
    expect(readExit(run.dir)).toMatchObject({ status: 'finished', step: 1000 });
    const seqs = events(run).map((e) => e.seq);
    expect(seqs).toEqual(seqs.map((_, i) => i + 1));
  });
});
