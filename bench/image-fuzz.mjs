// `node bench/image-fuzz.mjs --python /path/to/python [--files 20000] [--seed 1000]` compares the plan's reader of
// images with the trainer's on many files: sound ones with every orientation, and the same with changed bytes. It ends
// with 1 when both read an image and see different sizes, or when one of them does not read a sound image.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    files: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1000' },
  },
});
const PIECE = 1000;
const root = join(import.meta.dirname, '..');
const work = mkdtempSync(join(root, '.cache', 'image-fuzz-'));
if (values.python !== undefined) process.env.VISIONTRAIN_TEST_PYTHON = values.python;

try {
  const bundle = join(work, 'compare.mjs');
  await build({
    absWorkingDir: root,
    entryPoints: ['test/helpers/compare-readers.ts'],
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile: bundle,
    logLevel: 'warning',
    define: { 'import.meta.dirname': JSON.stringify(join(root, 'test', 'helpers')) },
  });
  const { compareReaders } = await import(bundle);
  let wrong = 0;
  for (const kind of ['paths', 'flips']) {
    const sum = { read: 0, refused: 0, differing: 0, unread: 0 };
    for (let done = 0; done < Number(values.files) / 2; done += PIECE) {
      const folder = mkdtempSync(join(tmpdir(), 'vt-image-fuzz-'));
      const found = await compareReaders(folder, { seed: Number(values.seed) + done, count: PIECE, kind });
      rmSync(folder, { recursive: true, force: true });
      sum.read += found.read;
      for (const name of ['refused', 'differing', 'unread']) sum[name] += found[name].length;
      const faults = kind === 'paths' ? [...found.refused, ...found.differing, ...found.unread] : found.differing;
      wrong += faults.length;
      for (const fault of faults) console.log(`seed ${Number(values.seed) + done}: ${fault}`);
    }
    console.log(`${kind}: ${JSON.stringify(sum)}`);
  }
  process.exitCode = wrong === 0 ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
