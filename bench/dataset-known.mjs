// A data set seen before: pictures per second and the most memory of the first look (headers, captions, hashes), and of
// the second, which reads directory entries and stat alone. Each look is a process of its own.
// The files are PNGs of 70 bytes, so that a million of them take few bytes; each has bytes of its own, and every second
// one a caption of some 100 letters.
//   node bench/dataset-known.mjs [--images 100000] [--folder DIR]     (--folder keeps what was made for the next time)
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { deflateSync } from 'node:zlib';
import { build } from 'esbuild';
import { pngChunk } from '../test/helpers/png-chunk.ts';

const { values } = parseArgs({
  options: { images: { type: 'string', default: '100000' }, folder: { type: 'string' } },
});
const total = Number(values.images);
const work = mkdtempSync(join(tmpdir(), 'vt-bench-known-'));
const data = values.folder ?? join(work, 'data');

const LOOK = `
import { scanDataset } from '@scan';
import { hashImages } from '@hash';
const [, , root, cacheDir, total] = process.argv;
const start = performance.now();
const scan = await scanDataset(root, { captionExtension: '.txt', cacheDir });
const scanned = performance.now();
const peak = process.resourceUsage().maxRSS;
const { images } = await hashImages(scan, { cacheDir });
if (images.length !== Number(total)) throw new Error('found ' + images.length);
console.log(JSON.stringify({ scan: scanned - start, all: performance.now() - start, peak, most: process.resourceUsage().maxRSS }));
`;

try {
  if (!existsSync(data)) writeImages();
  const program = await bundle();
  for (const round of ['first', 'second', 'third']) {
    const { scan, all, peak, most } = look(program);
    const rate = (ms) => `${String(Math.round(total / (ms / 1000))).padStart(7)}/s`;
    const mb = (kb) => `${Math.round((kb * 1024) / 1e6)} MB`;
    const opens = round === 'first' ? '' : `   ${opensOf(program)} files of the folder opened`;
    console.log(
      `${round.padEnd(7)} look at ${total}: scan ${(scan / 1000).toFixed(1)} s ${rate(scan)}, at most ${mb(peak)}; with hashes ${(all / 1000).toFixed(1)} s ${rate(all)}, at most ${mb(most)}${opens}`,
    );
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

function look(program) {
  const { stdout, stderr } = spawnSync(process.execPath, [program, data, join(work, 'cache'), String(total)], {
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

/** System calls counted by strace, where it is installed. */
function opensOf(program) {
  const log = join(work, 'strace');
  const args = [
    '-f',
    '-e',
    'trace=open,openat',
    '-o',
    log,
    process.execPath,
    program,
    data,
    join(work, 'cache'),
    String(total),
  ];
  if (spawnSync('strace', args).status !== 0) return 'unknown (no strace):';
  const lines = readFileSync(log, 'utf8').split('\n');
  return lines.filter((line) => line.includes(`"${data}/`) && /\.(?:png|txt)"/u.test(line)).length;
}

async function bundle() {
  const outfile = join(work, 'look.mjs');
  const dataset = join(import.meta.dirname, '..', 'src', 'engine', 'dataset');
  await build({
    stdin: { contents: LOOK, resolveDir: dataset },
    alias: { '@scan': join(dataset, 'scan.ts'), '@hash': join(dataset, 'hash.ts') },
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile,
    logLevel: 'warning',
  });
  return outfile;
}

function writeImages() {
  for (let i = 0; i < total; i += 1) {
    const inside = join(data, `part-${String(Math.floor(i / 5000)).padStart(4, '0')}`);
    if (i % 5000 === 0) mkdirSync(inside, { recursive: true });
    writeFileSync(join(inside, `picture-${i}.png`), png(i));
    if (i % 2 === 0)
      writeFileSync(
        join(inside, `picture-${i}.txt`),
        `zfx, a red fox, sitting, ${'long grass, '.repeat(6)}picture ${i}`,
      );
  }
}

function png(seed) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(16, 0);
  header.writeUInt32BE(16 + (seed % 200), 4);
  header.set([8, 0, 0, 0, 0], 8);
  const pixels = Buffer.alloc(17 * (16 + (seed % 200)), 0);
  pixels.writeUInt32BE(seed, 1);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(pixels)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}
