import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HubServer } from '../helpers/hub-server.ts';
import { drawImages, newPlace, type Place, testPython } from '../helpers/real-trainer.ts';

let place: Place;
let hub: HubServer;
let dataset: string;
let before: unknown;

/** Bytes, time and mode of each file. */
const looks = (folder: string) =>
  readdirSync(folder)
    .sort()
    .map((name) => {
      const { mtimeMs, mode } = lstatSync(join(folder, name));
      return [name, mtimeMs, mode, readFileSync(join(folder, name)).toString('base64')];
    });

beforeAll(async () => {
  hub = await new HubServer().start();
  process.env.HF_ENDPOINT = hub.url;
  place = newPlace();
  dataset = join(place.dir, 'pictures');
  drawImages(dataset);
  before = looks(dataset);
  execFileSync(testPython(), [
    join(import.meta.dirname, '../../trainer/tests/tiny_onnx.py'),
    join(place.dir, 'tagger'),
  ]);
});

afterAll(async () => {
  place.remove();
  await hub.stop();
});

const tagged = /^[a-z0-9^_ ()]+(, [a-z0-9^_ ()]+)*$/u;

describe('captions by a tagger', () => {
  it('writes them outside of the folder, and a threshold moves without the model', async () => {
    const args = ['dataset', 'caption', 'pictures', '--tagger', 'tagger'];
    const first = await place.visiontrain(...args, '--json');
    expect(first.code, first.stderr).toBe(0);
    const { images } = JSON.parse(first.stdout) as { images: { path: string; caption: string; tags: unknown[] }[] };
    expect(images.map(({ path }) => path)).toEqual(['picture 0.jpg', 'picture 2.webp', 'picture 4.png']);
    for (const { caption, tags } of images) {
      expect(caption).toMatch(tagged);
      expect(tags.length).toBeGreaterThan(1);
    }
    // The model has been removed: the scores are enough.
    renameSync(join(place.dir, 'tagger/model.onnx'), join(place.dir, 'kept.onnx'));
    writeFileSync(join(place.dir, 'tagger/model.onnx'), readFileSync(join(place.dir, 'kept.onnx')));
    const lower = await place.visiontrain(...args, '--threshold', '0.06');
    expect(lower.code, lower.stderr).toBe(0);
    expect(lower.stderr).toContain('threshold: 0.06');
    expect(lower.stderr).not.toContain('0 of 3 captions');
    expect(lower.stdout.length).toBeGreaterThan(
      images.reduce((sum, { path, caption }) => sum + path.length + caption.length, 0),
    );
    expect(looks(dataset)).toEqual(before);
  });

  it.each([
    [['--tagger', 'sdxl'], 'sdxl is a base model, not a tagger.'],
    [['--tagger', 'pictures'], 'model.onnx and selected_tags.csv are not in it'],
    [['--threshold', 'much'], 'threshold'],
    [['--write', 'poems'], 'write'],
    [['--endpoint', 'http://user:pass@host/v1', '--model', 'm'], 'endpoint'],
    [['--endpoint', 'http://localhost:1/v1'], 'An endpoint needs its address and the name of a model.'],
  ])('refuses %j', async (args, said) => {
    const { code, stderr } = await place.visiontrain('dataset', 'caption', 'pictures', ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
  });

  it('is a phase of a run in which files of captions win; the folder may then move', async () => {
    writeFileSync(
      join(place.dir, 'run.yaml'),
      `version: 1
name: ball
dataset: { path: pictures, trigger: zxball, goal: concept }
captions: { write: tags, tagger: tagger, threshold: 0.2 }
model: { base: tiny }
training: { steps: 2, batch_size: 2, rank: 4, alpha: 4 }
samples: { every: 0, prompts: [] }
`,
    );
    const planned = await place.visiontrain('run', 'run.yaml', '--dry-run', '--json');
    const plan0 = JSON.parse(planned.stdout).plan;
    // One image is new to the store, so that the phase has work to do.
    const { code, stderr } = await place.visiontrain('run', 'run.yaml', '--plain');
    expect(code, stderr).toBe(0);
    const run = join(place.dir, 'home/runs/ball');
    const plan = JSON.parse(readFileSync(join(run, 'plan.json'), 'utf8'));
    expect(plan).toEqual(plan0);
    const captions = Object.fromEntries(
      plan.data.images.map(({ path, caption }: { path: string; caption: string }) => [path, caption]),
    );
    expect(captions['picture 1.png']).toBe('zxball, a ball, number 1');
    expect(captions['picture 0.jpg']).toMatch(/^zxball, /u);
    expect(captions['picture 0.jpg'].length).toBeGreaterThan('zxball, '.length);
    expect(looks(dataset)).toEqual(before);
  });

  it('captions new images of a run before it trains, and its plan is the one that a later look makes', async () => {
    execFileSync(testPython(), [
      '-c',
      `from PIL import Image; Image.new("RGB", (120, 90), (250, 40, 30)).save("${join(dataset, 'new.png')}")`,
    ]);
    const file = join(place.dir, 'run.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('prompts: []', 'steps: 1'));
    const { code, stderr } = await place.visiontrain('run', 'run.yaml', '--plain', '--name', 'second');
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('1 picture without a caption: tagger writes it first');
    expect(stderr).toContain('once they are written, the prompts of the samples are drawn from all captions');
    expect(stderr).not.toContain('trained with');
    const run = join(place.dir, 'home/runs/second');
    const events = readFileSync(join(run, 'events.jsonl'), 'utf8');
    expect(events).toContain('"phase":"captions"');
    expect(events).toContain('samples show prompts from the captions: zxball, ');
    expect(JSON.parse(readFileSync(join(run, 'captions.json'), 'utf8'))).toEqual({ pending: [] });
    // The run.yaml of the run is the one that would be made now, with all captions known.
    const now = await place.visiontrain('run', 'run.yaml', '--dry-run');
    expect(readFileSync(join(run, 'run.yaml'), 'utf8')).toBe(now.stdout);
    expect(now.stdout).toMatch(/ {2}prompts: +# detected /u);
    const moved = join(place.dir, 'moved');
    renameSync(dataset, moved);
    const again = await place.visiontrain('run', 'run.yaml', '--dry-run', '--json', '--set', 'dataset.path=moved');
    const found = JSON.parse(again.stdout);
    const plan = JSON.parse(readFileSync(join(run, 'plan.json'), 'utf8'));
    expect(found.plan.data.images).toEqual(plan.data.images);
    expect(found.plan.output).toEqual(plan.output);
    expect(found.plan.samples).toEqual(plan.samples);
    expect(found.plan.spec_sha256).toBe(plan.spec_sha256);
  });
});

/** A tiny Florence-2 on the hub, and an entry of the registry that pins its weights only, as the built-in one does. */
function publishCaptioner(): void {
  const folder = join(place.dir, 'florence');
  const script =
    'import sys, pathlib; from tests.tiny_captioners import make_florence; make_florence(pathlib.Path(sys.argv[1]))';
  execFileSync(testPython(), ['-c', script, folder], {
    cwd: join(import.meta.dirname, '../../trainer'),
    stdio: 'ignore',
  });
  for (const name of readdirSync(folder)) hub.put('tiny/florence', name, readFileSync(join(folder, name)));
  hub.put('tiny/florence', 'modeling_florence2.py', 'raise SystemExit("foreign code was run")');
  const weights = readFileSync(join(folder, 'model.safetensors'));
  const entries = join(place.dir, 'home/config/models');
  mkdirSync(entries, { recursive: true, mode: 0o700 });
  writeFileSync(
    join(entries, 'florence-2-base.yaml'),
    `version: 1
assets:
  - id: florence-2-base
    kind: captioner
    title: Tiny Florence
    summary: for a test
    layout: transformers
    files:
      - path: model.safetensors
        role: weights
        bytes: ${weights.length}
        sha256: ${createHash('sha256').update(weights).digest('hex')}
        sources: [{ kind: hub, repo: tiny/florence, revision: ${hub.commit} }]
    license: { name: MIT, url: '', restrictions: '', acceptance: false }
`,
  );
}

describe('captions by a captioner of the registry', () => {
  it('pins its small files at the commit, fetches them all, and runs none of its code', async () => {
    publishCaptioner();
    const args = ['dataset', 'caption', 'moved', '--write', 'sentences', '--length', 'short', '--json'];
    const { code, stdout, stderr } = await place.visiontrain(...args);
    expect(code, stderr).toBe(0);
    const { images } = JSON.parse(stdout) as { images: { caption: string }[] };
    expect(images.length).toBe(4);
    for (const { caption } of images) expect(caption).not.toBe('');
    expect(readdirSync(join(place.dir, 'home/models/florence-2-base')).sort()).toEqual(
      expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']),
    );
    expect(hub.asked.some((line) => line.endsWith('.py'))).toBe(false);
    const pinned = readFileSync(join(place.dir, 'home/config/models/florence-2-base.yaml'), 'utf8');
    expect(pinned).toMatch(/path: config\.json[\s\S]*sha256: [0-9a-f]{64}/u);
    const asked = hub.asked.length;
    expect((await place.visiontrain(...args)).stdout).toBe(stdout);
    expect(hub.asked.length).toBe(asked);
  });
});
