// Measures what the dashboard costs while a run makes two steps a second: `node bench/dashboard.mjs [seconds]`. It is
// shown on real terminals of three sizes, with a sample beside the curve on the largest, and on a terminal that shows
// images itself. Bars: 1000 bytes/s to the terminal, images aside, which are sent once each, and 3 % of a core.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFixture } from '../test/helpers/bundle.ts';
import { loadTs } from './lib/load-ts.mjs';

const seconds = Number(process.argv[2] ?? 60);
const WARM_S = 5;
const dir = mkdtempSync(join(tmpdir(), 'visiontrain-bench-'));
const program = await bundleFixture('dashboard-program');
const { trainingStory } = await loadTs('test/helpers/run-story.ts');
const { png } = await loadTs('test/helpers/png.ts');

mkdirSync(join(dir, 'samples'));
for (const name of ['000800-0', '000800-1', '000000-0-base', '000000-1-base'])
  writeFileSync(
    join(dir, 'samples', `${name}.png`),
    png(512, 512, (x, y) => [x / 2, y / 2, (x * y) % 251]),
  );
const events = trainingStory({ name: 'fox', steps: 1600, upTo: 992, every: 200, end: Date.now() / 1000 });
writeFileSync(join(dir, 'events.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));

const python = process.env.VISIONTRAIN_PYTHON ?? 'python3';
const watched = join(import.meta.dirname, 'lib', 'watched.py');
console.log(`Node ${process.versions.node}, ${cpus()[0]?.model}, ${seconds} s each`);
try {
  for (const [columns, rows, shows] of [
    [60, 20],
    [80, 24],
    [120, 40],
    [160, 50, 'kitty'],
  ]) {
    const env = { ...process.env, WATCHED_SHOWS: shows ?? '' };
    const args = [watched, columns, rows, WARM_S, seconds, process.execPath, program, dir, 'live'].map(String);
    const { stdout, stderr, status } = spawnSync(python, args, { encoding: 'utf8', env });
    if (status !== 0) throw new Error(stderr);
    const measured = JSON.parse(stdout);
    console.log(
      `${columns}×${rows}: ${measured.bytes_per_second.toFixed(0)} bytes/s, ${(measured.share_of_core * 100).toFixed(1)} % of a core,`,
      `first ${WARM_S} s ${measured.first_bytes} bytes, ${measured.left && measured.status === 0 ? 'left clean' : `ended with ${measured.status}`}`,
      ...(shows === undefined
        ? []
        : [`${measured.images} images of ${measured.image_bytes} bytes${measured.images_left ? ' that stay' : ''}`]),
    );
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
