import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CheckImage } from '../../../src/engine/check/finding.ts';
import { keepMarks, type Mark, markAsks, markFindings, readMarks } from '../../../src/engine/check/marks.ts';

const hash = (i: number) => i.toString(16).padStart(64, '0');
const image = (i: number): CheckImage => ({
  path: `${i}.png`,
  sha256: hash(i),
  size: [1024, 1024],
  bucket: [1024, 1024],
  own: null,
  caption: '',
  uses: 1,
});
const images = Array.from({ length: 20 }, (_, i) => image(i));

describe('marks at the same place', () => {
  it('are looked for among all images, and among 400 of many; among fewer than 8 not at all', () => {
    expect(markAsks(images.slice(0, 7).map(({ sha256 }) => sha256))).toEqual([]);
    expect(markAsks(images.map(({ sha256 }) => sha256).toReversed())).toEqual(images.map(({ sha256 }) => sha256));
    const some = markAsks(Array.from({ length: 1001 }, (_, i) => hash(i)));
    expect([some.length, new Set(some).size, some[0]]).toEqual([400, 400, hash(0)]);
    expect(Number.parseInt(some.at(-1) ?? '', 16)).toBeGreaterThan(990);
  });

  it('are kept for the same images', () => {
    const dir = mkdtempSync(join(tmpdir(), 'visiontrain-marks-'));
    const marks: Mark[] = [{ place: 'top', images: [hash(1)] }];
    expect(readMarks(dir, [])).toEqual([]);
    expect(readMarks(dir, [hash(1)])).toBeUndefined();
    keepMarks(dir, [hash(1)], marks);
    expect(readMarks(dir, [hash(1)])).toEqual(marks);
    expect(readMarks(dir, [hash(2)])).toBeUndefined();
  });

  it('name the images that have them, and how many were compared', () => {
    const marks: Mark[] = [
      { place: 'bottom right', images: [hash(3), hash(4), hash(5), hash(6)] },
      { place: 'top left', images: [hash(6)] },
    ];
    expect(markFindings(images, [], 20)).toEqual([]);
    const [all] = markFindings(images, marks, 20);
    expect(all?.what).toMatch(/^4 pictures with the same lines at the same place \(bottom right, top left\)/u);
    expect(all?.items.at(-1)).toEqual({ path: '6.png', detail: 'has a mark: bottom right, top left' });
    expect(markFindings(images, marks, 10)[0]?.what).toMatch(/^4 pictures of the 10 that were compared with/u);
  });
});
