// `node bench/dataset-scan.mjs [--images 20000] [--rounds 5] [--python PYTHON] [--against CHECKOUT]` measures images per
// second of the data set scan (sizes, rotation, captions), side by side with two others on the same files: Node reading
// 4 KiB with the image-size package, and Pillow opening each header (where a Python with Pillow is given). `--against`
// adds the scan of another checkout, in turn: on a busy machine only the ratio says something.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { imageSize } from 'image-size';

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '5' },
    python: { type: 'string' },
    against: { type: 'string' },
  },
});
const total = Number(values.images);
const root = join(import.meta.dirname, '..');
const work = mkdtempSync(join(tmpdir(), 'vt-bench-scan-'));

const PYTHON = `
import sys, time, pathlib
from PIL import Image
files = [p for p in sorted(pathlib.Path(sys.argv[1]).rglob('*')) if p.suffix != '.txt' and p.is_file()]
start = time.perf_counter()
for path in files:
    with Image.open(path) as image:
        image.size, image.getexif().get(0x0112)
print(len(files) / (time.perf_counter() - start))
`;

try {
  const data = join(work, 'data');
  writeImages(data);
  const contenders = {
    visiontrain: await scanOf(root, data),
    'image-size, no captions': () => withImageSize(data),
  };
  if (values.against !== undefined) contenders['the other checkout'] = await scanOf(resolve(values.against), data);
  if (values.python !== undefined) contenders['Pillow, no captions'] = () => withPillow(data);

  const rates = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (const contender of Object.values(contenders)) await contender();
  for (let round = 0; round < Number(values.rounds); round += 1)
    for (const [name, contender] of Object.entries(contenders)) rates[name].push(await contender());
  const base = median(rates.visiontrain);
  for (const [name, all] of Object.entries(rates))
    console.log(
      `${name.padEnd(24)} ${String(Math.round(median(all))).padStart(7)} pictures/s   visiontrain is ${(base / median(all)).toFixed(2)} x`,
    );
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** The scan function of a checkout, bundled. */
async function scanOf(checkout, data) {
  const bundle = join(mkdtempSync(join(work, 'bundle-')), 'scan.mjs');
  await build({
    absWorkingDir: checkout,
    entryPoints: ['src/engine/dataset/scan.ts'],
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile: bundle,
    logLevel: 'warning',
    nodePaths: [join(root, 'node_modules')],
  });
  const { scanDataset } = await import(bundle);
  return async () => {
    const start = performance.now();
    const { images } = await scanDataset(data, { captionExtension: '.txt' });
    if (images.length !== total) throw new Error(`found ${images.length} of ${total}`);
    return rate(start);
  };
}

/** A mix as people have it: mostly JPEG with EXIF, padded to a plausible size, every second image with a caption. */
function writeImages(folder) {
  const fixtures = join(root, 'test', 'fixtures', 'pictures');
  const names = ['turned-6.jpg', 'turned-1.jpg', 'progressive.jpg', 'alpha.png', 'lossless.webp'];
  const sources = names.map((name) => [name, Buffer.concat([readFileSync(join(fixtures, name)), Buffer.alloc(8000)])]);
  for (let i = 0; i < total; i += 1) {
    const inside = join(folder, `part-${Math.floor(i / 2000)}`);
    if (i % 2000 === 0) mkdirSync(inside, { recursive: true });
    const [name, bytes] = sources[i % sources.length];
    writeFileSync(join(inside, `picture-${i}${name.slice(name.lastIndexOf('.'))}`), bytes);
    if (i % 2 === 0) writeFileSync(join(inside, `picture-${i}.txt`), `zfx, a red fox, sitting, picture ${i}`);
  }
}

function withImageSize(folder) {
  const buffer = Buffer.alloc(4096);
  const start = performance.now();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.endsWith('.txt')) continue;
    const file = openSync(`${entry.parentPath}/${entry.name}`, 'r');
    const filled = readSync(file, buffer, 0, buffer.length, 0);
    closeSync(file);
    imageSize(buffer.subarray(0, filled));
  }
  return rate(start);
}

function withPillow(folder) {
  const { stdout, stderr } = spawnSync(values.python, ['-c', PYTHON, folder], { encoding: 'utf8' });
  if (stdout.trim() === '') throw new Error(stderr);
  return Number(stdout);
}

function rate(start) {
  return total / ((performance.now() - start) / 1000);
}

function median(all) {
  return [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)];
}
