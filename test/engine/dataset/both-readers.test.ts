/**
 * The plan and the trainer see the same image: files written in every way that Pillow has, and the same files with
 * bytes changed.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareReaders } from '../../helpers/compare-readers.ts';

const folder = () => mkdtempSync(join(tmpdir(), 'vt-readers-'));

describe.skipIf(process.env.VISIONTRAIN_TEST_PYTHON === undefined)('the plan and the trainer', () => {
  it.each([1, 2])(
    'agree on every sound image (seed %i)',
    async (seed) => {
      const { read, refused, differing, unread } = await compareReaders(folder(), { seed, count: 100, kind: 'paths' });
      expect({ refused, differing, unread }).toEqual({ refused: [], differing: [], unread: [] });
      expect(read).toBe(100);
    },
    600_000,
  );

  it('never differ in the size of a damaged image', async () => {
    const { differing } = await compareReaders(folder(), { seed: 3, count: 200, kind: 'flips' });
    expect(differing).toEqual([]);
  });
});
