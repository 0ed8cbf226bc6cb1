import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { hashImages } from '../../src/engine/dataset/hash.ts';
import { scanDataset } from '../../src/engine/dataset/scan.ts';

export interface Compared {
  /** Images that both readers read, with the same size. */
  readonly read: number;
  /** Images that are left out here although the trainer can read them. */
  readonly refused: readonly string[];
  /** Images with different sizes in the plan and in the trainer, which would leave them out late. */
  readonly differing: readonly string[];
  /** Images that the plan takes and the trainer cannot read; the trainer leaves them out and says so. */
  readonly unread: readonly string[];
}

const root = join(import.meta.dirname, '../..');

/** Lets Python write images into `folder`, and compares what the plan and the trainer read of each. */
export async function compareReaders(
  folder: string,
  { seed, count, kind }: { readonly seed: number; readonly count: number; readonly kind: 'paths' | 'flips' },
): Promise<Compared> {
  const python = process.env.VISIONTRAIN_TEST_PYTHON ?? 'python3';
  const script = join(root, 'test/helpers/write-images.py');
  const { stdout } = await promisify(execFile)(python, [script, folder, String(seed), String(count), kind], {
    env: { ...process.env, PYTHONPATH: join(root, 'trainer') },
    maxBuffer: 64 << 20,
  });
  const there = JSON.parse(stdout) as Record<string, [number, number] | string>;
  const { images, leftOut } = await hashImages(await scanDataset(folder, { captionExtension: '.txt' }), {
    cacheDir: null,
  });
  const refused = leftOut
    .filter(({ path, reason }) => reason === 'unreadable' && typeof there[path] !== 'string')
    .map(({ path, problem }) => `${path} ${problem}`);
  const differing: string[] = [];
  const unread: string[] = [];
  for (const { path, size } of images) {
    const other = there[path];
    if (typeof other === 'string') unread.push(`${path} ${other}`);
    else if (other?.join() !== size.join()) differing.push(`${path} ${size.join('×')} here, ${other?.join('×')} there`);
  }
  return { read: images.length - differing.length - unread.length, refused, differing, unread };
}
