/** `dataset mask` with tiny models: masks outside of the folder, a plan that uses them, a sheet that shows them. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CORE_SCHEMA, dump, load } from 'js-yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HubServer } from '../helpers/hub-server.ts';
import { drawImages, newPlace, type Place, testPython } from '../helpers/real-trainer.ts';

const root = join(import.meta.dirname, '..', '..');
let place: Place;
let dataset: string;

const looks = () =>
  readdirSync(dataset)
    .sort()
    .map((name) => {
      const { mtimeMs, mode } = lstatSync(join(dataset, name));
      return [name, mtimeMs, mode, readFileSync(join(dataset, name)).toString('base64')];
    });

let hub: HubServer;

beforeAll(async () => {
  hub = await new HubServer().start();
  process.env.HF_ENDPOINT = hub.url;
  place = newPlace();
  dataset = join(place.dir, 'pictures');
  drawImages(dataset);
  execFileSync(testPython(), [join(root, 'trainer/tests/tiny_onnx.py'), join(place.dir, 'models')]);
  mkdirSync(join(place.dir, 'home/config/models'), { recursive: true, mode: 0o700 });
  const { assets } = load(readFileSync(join(root, 'presets/models.yaml'), 'utf8'), { schema: CORE_SCHEMA }) as {
    assets: { id: string }[];
  };
  const own = (id: string, file: string) => {
    const local = join(place.dir, 'models', file);
    const bytes = readFileSync(local);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const entry = assets.find((one) => one.id === id);
    const files = [{ path: file, role: 'weights', local, bytes: bytes.length, sha256 }];
    return { ...entry, input: 'NCHW float32 RGB 0..1', files };
  };
  const mine = [
    own('isnet-general', 'map.onnx'),
    own('comic-text-detector', 'map.onnx'),
    own('anime-face-detector', 'boxes.onnx'),
  ];
  writeFileSync(join(place.dir, 'home/config/models/own.yaml'), dump({ version: 1, models: [], assets: mine }));
});
afterAll(async () => {
  await hub.stop();
  place.remove();
});

const runYaml = (find: string) =>
  writeFileSync(
    join(place.dir, 'run.yaml'),
    `version: 1\ndataset: {path: pictures, masks: {from: made, find: [${find}]}}\nmodel: {base: tiny}\ntraining: {steps: 1}\nsamples: {prompts: []}\n`,
  );

it('makes masks once, outside of the folder, and a run is planned with them', async () => {
  const before = looks();
  runYaml('text, faces');
  const early = await place.visiontrain('run', 'run.yaml', '--dry-run');
  expect(early.code).toBe(2);
  expect(early.stderr).toContain('no mask was made for the pictures');
  expect(early.stderr).toContain('--find text --find faces');
  const args = ['dataset', 'mask', 'pictures', '--find', 'faces', '--find', 'text', '--json'];
  const first = await place.visiontrain(...args);
  expect(first.code, first.stderr).toBe(0);
  const made = JSON.parse(first.stdout) as { masks: { path: string; mask: string }[]; find: string[] };
  expect(made.masks.length).toBeGreaterThan(1);
  const times = made.masks.map(({ mask }) => lstatSync(mask).mtimeMs);
  const again = await place.visiontrain(...args);
  expect(JSON.parse(again.stdout).masks).toEqual(made.masks);
  expect(made.masks.map(({ mask }) => lstatSync(mask).mtimeMs)).toEqual(times);
  const dry = await place.visiontrain('run', 'run.yaml', '--dry-run', '--json');
  expect(dry.code, dry.stderr).toBe(0);
  const { images } = JSON.parse(dry.stdout).plan.data as {
    images: { path: string; mask: { path: string } | null }[];
  };
  expect(images.map(({ path, mask }) => ({ path, mask: mask?.path }))).toEqual(
    images.map(({ path }) => ({ path, mask: made.masks.find((one) => one.path === path)?.mask })),
  );
  expect(images.every(({ mask }) => mask !== null)).toBe(true);
  expect(looks()).toEqual(before);
});

it('shows them and the crop that follows them on the contact sheet, and trains within them', async () => {
  const yaml = readFileSync(join(place.dir, 'run.yaml'), 'utf8');
  const focused = yaml.replace('{from: made', '{focus: true, from: made').replace('{path', '{buckets: false, path');
  writeFileSync(join(place.dir, 'run.yaml'), focused);
  const sheet = await place.visiontrain('dataset', 'check', 'pictures', '--from', 'run.yaml', '--html', 'sheet.html');
  expect(sheet.code, sheet.stderr).toBe(0);
  const html = readFileSync(join(place.dir, 'sheet.html'), 'utf8');
  expect(html.match(/<img class="mask"/gu)?.length).toBe(html.match(/<figure /gu)?.length);
  expect(html).toContain('masks on and off');
  const looked = join(place.dir, 'home/cache/looks/crops');
  const crops = JSON.parse(readFileSync(join(looked, readdirSync(looked)[0] ?? ''), 'utf8')) as { left: number }[];
  expect(crops).toHaveLength(html.match(/<figure /gu)?.length ?? 0);
  const run = await place.visiontrain('run', 'run.yaml', '--plain');
  expect(run.code, run.stderr).toBe(0);
});

it('finds the objects that a prompt names, by a model whose files are all pinned at the first fetch', async () => {
  const folder = join(place.dir, 'clipseg');
  const script = join(root, 'trainer/tests/tiny_captioners.py');
  execFileSync(testPython(), [script, folder], { env: { ...process.env, PYTHONPATH: join(root, 'trainer') } });
  for (const name of readdirSync(folder)) hub.put('CIDAS/clipseg-rd64-refined', name, readFileSync(join(folder, name)));
  runYaml('"the hat"');
  const early = await place.visiontrain('run', 'run.yaml', '--dry-run');
  expect(early.stderr).toContain("--find 'the hat'");
  const args = ['dataset', 'mask', 'pictures', '--find', 'the hat', '--json'];
  const first = await place.visiontrain(...args);
  expect(first.code, first.stderr).toBe(0);
  const { masks, find } = JSON.parse(first.stdout) as { masks: { path: string; mask: string }[]; find: string[] };
  expect(find).toEqual(['the hat']);
  expect(masks.length).toBeGreaterThan(1);
  const pinned = readFileSync(join(place.dir, 'home/config/models/clipseg.yaml'), 'utf8');
  const sha256 = createHash('sha256')
    .update(readFileSync(join(folder, 'model.safetensors')))
    .digest('hex');
  expect(pinned).toContain(sha256);
  const asked = hub.asked.length;
  expect(JSON.parse((await place.visiontrain(...args)).stdout).masks).toEqual(masks);
  expect(hub.asked.length).toBe(asked);
  const dry = await place.visiontrain('run', 'run.yaml', '--dry-run', '--json');
  const { images } = JSON.parse(dry.stdout).plan.data as { images: { path: string; mask: { path: string } | null }[] };
  expect(images.map(({ mask }) => mask?.path).sort()).toEqual(masks.map(({ mask }) => mask).sort());
}, 600_000);

it('refuses an invalid prompt in words', async () => {
  const wrong = await place.visiontrain('dataset', 'mask', 'pictures', '--find', ' ');
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain('it can be background, character, faces, text, or words for what is seen.');
});
