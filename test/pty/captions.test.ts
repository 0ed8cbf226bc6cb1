/** The whole Easy path in a real terminal: images without captions, Enter on every question, a LoRA. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CORE_SCHEMA, dump, load } from 'js-yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drawImages, testPython } from '../helpers/real-trainer.ts';
import { Terminal } from '../helpers/tmux.ts';

const root = join(import.meta.dirname, '..', '..');
let dir: string;
let terminal: Terminal | undefined;

const looks = (folder: string) =>
  readdirSync(folder)
    .sort()
    .map((name) => [name, lstatSync(join(folder, name)).mtimeMs, readFileSync(join(folder, name)).toString('base64')]);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-easy-'));
  drawImages(join(dir, 'photos'));
  for (const name of readdirSync(join(dir, 'photos'))) if (name.endsWith('.txt')) rmSync(join(dir, 'photos', name));
  drawPhonePhotos();
  execFileSync(testPython(), [join(root, 'trainer/tests/tiny_onnx.py'), join(dir, 'tagger')]);
  mkdirSync(join(dir, 'home/config/models'), { recursive: true, mode: 0o700 });
  writeFileSync(join(dir, 'home/config/models/own.yaml'), ownEntries());
});

afterAll(() => {
  terminal?.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Photos as phones make them: HEIC, one of them with the name of a JPEG, and an AVIF with a rotation property. */
function drawPhonePhotos(): void {
  const env = { ...process.env, VISIONTRAIN_HOME: join(dir, 'home'), VISIONTRAIN_PYTHON: testPython() };
  const setup = execFileSync(process.execPath, [join(root, 'bin/visiontrain'), 'setup', '--heif', '--json'], { env });
  const { extras } = JSON.parse(setup.toString().trim().split('\n').at(-1) ?? '');
  const script = `
import pathlib, shutil, sys
import pillow_heif
from PIL import Image
pillow_heif.register_heif_opener()
folder = pathlib.Path(sys.argv[1])
exif = Image.Exif()
exif[0x0112] = 6
for i, name in enumerate(("IMG_1.HEIC", "IMG_2.heic", "turned.avif")):
    picture = Image.new("RGB", (200 + 40 * i, 150), (200, 60 * i, 30))
    picture.save(folder / name, **({"exif": exif} if i else {}))
shutil.copy(folder / "IMG_2.heic", folder / "IMG_2.heic.tmp")
Image.new("RGB", (130, 170), (5, 90, 200)).save(folder / "IMG_2.heic.tmp", "HEIF")
(folder / "IMG_2.heic.tmp").rename(folder / "sent.jpg")
`;
  execFileSync(testPython(), ['-c', script, join(dir, 'photos')], { env: { ...env, PYTHONPATH: extras.heif ?? '' } });
  // The program has to install by itself what the Easy path needs.
  if (extras.heif !== null) rmSync(extras.heif, { recursive: true });
}

/** A tiny copy of the tagger that tag bases get by default, and the embedded model as a tag base whose run is short. */
function ownEntries(): string {
  const list = load(readFileSync(join(root, 'presets/models.yaml'), 'utf8'), { schema: CORE_SCHEMA }) as {
    models: { id: string }[];
    assets: { id: string }[];
  };
  const tiny = list.models.find(({ id }) => id === 'tiny');
  const tagger = list.assets.find(({ id }) => id === 'wd-eva02-large-tagger-v3');
  const file = (path: string, role: string) => {
    const local = join(dir, 'tagger', path);
    const bytes = readFileSync(local);
    return { path, role, local, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  };
  const files = [file('model.onnx', 'weights'), file('selected_tags.csv', 'companion')];
  const recipe = { 'training.steps': 3, 'samples.every': 0, 'samples.prompts': [] };
  return dump({
    version: 1,
    models: [{ ...tiny, caption_style: 'tags', recipe }],
    assets: [{ ...tagger, files }],
  });
}

it('Enter on every question captions the pictures and trains on them', { timeout: 600_000 }, async () => {
  const before = looks(join(dir, 'photos'));
  const env = { VISIONTRAIN_HOME: join(dir, 'home'), VISIONTRAIN_PYTHON: testPython() };
  terminal = new Terminal([process.execPath, join(root, 'bin/visiontrain')], { cwd: dir, env });
  const t = terminal;
  await t.shows('1/7  Mode');
  t.keys('Enter');
  await t.shows(/photos\/ +9 pictures/);
  t.keys('Enter');
  await t.shows('What do the pictures teach?');
  t.keys('Enter');
  await t.shows('Which word calls');
  t.keys('Enter');
  const asked = (await t.shows('Your pictures have no captions')).join('\n');
  expect(asked).toMatch(/❯ Write captions for me +recommended/u);
  expect(asked).toContain('for 9 pictures');
  t.keys('Enter');
  await t.shows(/❯ Tiny/u);
  t.keys('Enter');
  await t.shows('How long?');
  t.keys('Enter');
  await t.shows('How strong?');
  t.keys('Enter');
  await t.shows('How detailed?');
  t.keys('Enter');
  const review = (await t.shows('6/7  Review')).join('\n');
  expect(review).toMatch(/Captions +written for those that have none/u);
  t.keys('Enter');
  await t.shows('[exit 0]');
  const [run = ''] = readdirSync(join(dir, 'home/runs')).filter((name) => !name.startsWith('.'));
  const folder = join(dir, 'home/runs', run);
  const plan = JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8'));
  const sizes = Object.fromEntries(
    plan.data.images.map(({ path, size }: { path: string; size: number[] }) => [path, size]),
  );
  expect(sizes).toMatchObject({
    'IMG_1.HEIC': [200, 150],
    'IMG_2.heic': [240, 150],
    'turned.avif': [150, 280],
    'sent.jpg': [130, 170],
  });
  expect(readFileSync(join(folder, 'events.jsonl'), 'utf8')).not.toContain('left out');
  for (const { caption } of plan.data.images) expect(caption).toMatch(/^zphts, [a-z0-9]/u);
  expect(readdirSync(join(folder, 'output')).some((name) => name.endsWith('.safetensors'))).toBe(true);
  expect(looks(join(dir, 'photos'))).toEqual(before);
});
