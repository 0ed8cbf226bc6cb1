/** A bundle with everything that a run needs, unpacked elsewhere: it is planned as the run was. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import { adoptedPlan, planDifferences } from '../../../src/engine/bundle/adopt.ts';
import { composeBundle } from '../../../src/engine/bundle/contents.ts';
import { bundleFolder } from '../../../src/engine/bundle/keep.ts';
import { readManifest } from '../../../src/engine/bundle/unpack.ts';
import { writeZip } from '../../../src/engine/bundle/zip.ts';
import { dataChanges } from '../../../src/engine/plan/changes.ts';
import { loadSpec } from '../../../src/engine/prepare/load.ts';
import { prepareRun } from '../../../src/engine/prepare/prepare.ts';
import type { RunReport } from '../../../src/engine/report/types.ts';
import { readPlan } from '../../../src/engine/runs/read-plan.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { png, writeTree } from '../../helpers/images.ts';

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'vt-bundle-')));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const there = { VISIONTRAIN_HOME: join(dir, 'ann', 'home'), PATH: process.env.PATH };
const here = { VISIONTRAIN_HOME: join(dir, 'bob', 'home'), PATH: process.env.PATH };
const registry = loadRegistry({ configDir: places(there).config });

const YAML = `version: 1
name: fox
dataset:
  path: ./ann's foxes
  trigger: zfx
  goal: concept
  include: [samples]
  masks: {from: ./painted}
  regularisation: {path: ./plain foxes, class_word: fox}
  sources:
    - {path: ./elsewhere/many, weight: 1, trigger: red}
    - {path: ./ann's foxes/few, weight: 2}
    - {path: ./held, role: validation}
model: {base: tiny}
training: {steps: 4, rank: 4, alpha: 4}
samples: {prompts: []}
captions: {replace: ["a blue fox -> a green fox"]}
hooks: {on_finish: [{run: 'echo ${dir}'}]}
`;

const prepared = async (file: string, env: NodeJS.ProcessEnv, recorded?: ReturnType<typeof readPlan>) => {
  const loaded = loadSpec(file, { registry });
  const input = { ...loaded, registry, places: places(env), env };
  return { loaded, run: await prepareRun(recorded === undefined ? input : { ...input, recorded }) };
};

type Prepared = Awaited<ReturnType<typeof prepared>>;
let first: Prepared;

beforeAll(async () => {
  writeTree(join(dir, 'ann'), {
    'run.yaml': YAML,
    "ann's foxes/a.png": png(96, 96, 1),
    "ann's foxes/a.txt": 'a blue fox',
    "ann's foxes/a.jpg.png": png(96, 96, 2),
    "ann's foxes/3_runs/b.png": png(128, 96, 3),
    "ann's foxes/metadata.jsonl": '{"file_name": "3_runs/b.png", "text": "[runs], a fox"}\n',
    "ann's foxes/samples/c.png": png(96, 128, 4),
    "ann's foxes/few/d.png": png(96, 96, 5),
    "ann's foxes/few/d.json": '{"tags": ["one", "two"]}',
    'elsewhere/many/e.png': png(96, 96, 6),
    'elsewhere/many/f.png': png(96, 96, 7),
    'elsewhere/many/f.txt': 'f',
    'held/g.png': png(96, 96, 8),
    'plain foxes/h.png': png(96, 96, 9),
    'painted/a.png': png(96, 96, 10),
    'fox.safetensors': 'a LoRA',
  });
  mkdirSync(join(dir, 'bob'));
  first = await prepared(join(dir, 'ann', 'run.yaml'), there);
});

async function bundle(name: string, withImages: boolean): Promise<string> {
  const { plan, scans } = first.run;
  const spec = first.loaded.spec;
  const at = (path: string) => resolve(join(dir, 'ann'), path);
  const { dataset } = spec;
  const whole = {
    ...spec,
    dataset: {
      ...dataset,
      path: at(dataset.path),
      sources: dataset.sources.map((source) => ({ ...source, path: at(source.path) })),
      masks: dataset.masks === null ? null : { ...dataset.masks, from: at(dataset.masks.from) },
      regularisation:
        dataset.regularisation === null
          ? null
          : { ...dataset.regularisation, path: at(dataset.regularisation.path ?? '') },
    },
  };
  const { sources } = await composeBundle({
    spec: whole,
    provenance: first.loaded.provenance,
    plan,
    isModelId: () => true,
    report: { verdict: { title: 'It learned' } } as RunReport,
    facts: { torch: '2.13.0' },
    page: '<!doctype html>',
    images: scans.flatMap(({ root, images }) =>
      images.map(({ path, caption }) => ({ path: resolve(root, path), caption })),
    ),
    loras: [join(dir, 'ann', 'fox.safetensors')],
    licence: 'CC0\n',
    withImages,
  });
  const path = join(dir, 'bob', name);
  await writeZip(path, sources);
  return path;
}

it('has the same bytes when it is made again, and names no folder, user or machine', async () => {
  const [one, two] = [await bundle('one.zip', true), await bundle('two.zip', true)].map((path) => readFileSync(path));
  expect(one?.equals(two ?? Buffer.alloc(0))).toBe(true);
  const text = one?.toString('latin1') ?? '';
  for (const secret of [dir, `${tmpdir()}/`, "ann's", 'echo ']) expect(text).not.toContain(secret);
});

it.each([true, false])('is planned elsewhere as the run was, with the images inside: %s', async (withImages) => {
  const zip = await bundle(`${withImages}.zip`, withImages);
  const manifest = await readManifest(zip);
  const images = join(dir, 'bob', 'pictures');
  if (!withImages) {
    const names = first.run.plan.data.images.map(({ path }) => resolve(first.run.plan.data.root, path));
    writeTree(
      images,
      Object.fromEntries([
        ...names.map((path, i) => [`deep/${i}.x`, readFileSync(path)] as const),
        ['mask.bin', readFileSync(join(dir, 'ann', 'painted', 'a.png'))],
        ['notes.txt', Buffer.from('no picture')],
      ]),
    );
  }
  const folder = await bundleFolder(zip, manifest, { places: places(here), images });
  const machine = new RegExp(`(?<![\\w.-])${hostname()}(?![\\w.-])`);
  for (const name of ['run.yaml', 'plan.json', 'bundle.json', 'README.txt'])
    expect(readFileSync(join(folder, name), 'utf8')).not.toMatch(machine);
  expect(await bundleFolder(zip, manifest, { places: places(here), images })).toBe(folder);
  const bundled = readPlan(folder);
  const { run } = await prepared(join(folder, 'run.yaml'), here, bundled);
  const { plan } = first.run;
  expect(run.plan.spec_sha256).toBe(plan.spec_sha256);
  expect(dataChanges(bundled.data.images, run.plan.data.images, true)).toEqual([]);
  expect(planDifferences(bundled, run.plan)).toEqual([]);
  const adopted = adoptedPlan(bundled, run.plan);
  const content = ({ data, output, training }: typeof plan) => ({
    images: data.images.map(({ path: _path, mask, ...sample }) => ({ ...sample, mask: mask?.sha256 })),
    facts: output.facts,
    training,
  });
  expect(content(adopted)).toEqual(content(plan));
  expect(adopted.data.images.every(({ path }) => resolve(adopted.data.root, path).startsWith(folder))).toBe(true);
  expect(adopted.resources.cache_dir).toBe(places(here).cache);
});

it('names the images that a folder lacks, and leaves nothing behind', async () => {
  const zip = await bundle('bare.zip', false);
  const manifest = await readManifest(zip);
  const images = join(dir, 'bob', 'few');
  writeTree(images, { 'a.png': png(96, 96, 1) });
  const home = places({ VISIONTRAIN_HOME: join(dir, 'carl') });
  await expect(bundleFolder(zip, manifest, { places: home, images })).rejects.toMatchObject({
    id: 'bundle/pictures',
    message: expect.stringContaining('lacks 9 of the 10 pictures'),
  });
  expect(readdirSync(join(dir, 'carl', 'bundles'))).toEqual([]);
});

it('is unpacked again where its settings were changed since', async () => {
  const zip = await bundle('again.zip', true);
  const manifest = await readManifest(zip);
  const home = places({ VISIONTRAIN_HOME: join(dir, 'dora') });
  const folder = await bundleFolder(zip, manifest, { places: home, images: undefined });
  writeFileSync(join(folder, 'run.yaml'), 'version: 1\n');
  const again = await bundleFolder(zip, manifest, { places: home, images: undefined });
  expect(again).toBe(`${folder}-2`);
});
