import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { dataChanges } from '../../../src/engine/plan/changes.ts';
import type { PlanImage } from '../../../src/engine/plan/schema.ts';

function sample(path: string, content: string, changes: Partial<PlanImage> = {}): PlanImage {
  const sha256 = createHash('sha256').update(content).digest('hex');
  const size: [number, number] = [64, 64];
  return {
    id: sha256.slice(0, 16),
    path,
    sha256,
    size,
    bucket: size,
    repeats: 1,
    caption: 'zfx',
    validation: false,
    regularisation: false,
    generated: null,
    loss_weight: 1,
    mask: null,
    own: null,
    ...changes,
  };
}

const then = [sample('a.png', 'A'), sample('b.png', 'B', { caption: 'zfx, red' }), sample('c/d.png', 'D')];
const told = (now: readonly PlanImage[], namesFolders = false) =>
  dataChanges(then, now, namesFolders).map(({ path, kind }) => [path, kind]);
const [a, b, d] = then as [PlanImage, PlanImage, PlanImage];

describe('dataChanges', () => {
  it('finds none in the same data set, in another order or under other names', () => {
    expect(told(then)).toEqual([]);
    expect(told([d, { ...a, path: 'renamed.png' }, b])).toEqual([]);
  });

  it('names by path which images changed, are gone and are new', () => {
    const now = [sample('a.png', 'other'), { ...b, caption: 'zfx, blue' }, sample('new.png', 'N')];
    expect(told(now)).toEqual([
      ['a.png', 'picture'],
      ['b.png', 'caption'],
      ['c/d.png', 'gone'],
      ['new.png', 'new'],
    ]);
    const [image, caption] = dataChanges(then, now, false);
    expect(image?.what).toContain(`SHA-256 ${a.sha256.slice(0, 12)}… then`);
    expect(caption?.what).toBe('has another caption: "zfx, red" then, "zfx, blue" now');
    const long = 'a fox in the snow, a red coat, a yellow flower on the left, a house far away, ';
    const [said] = dataChanges(
      [sample('b.png', 'B', { caption: `${long}morning` })],
      [sample('b.png', 'B', { caption: `${long}evening` })],
      false,
    );
    expect(said?.what).toBe(
      'has another caption: "…, a house far away, morning" then, "…, a house far away, evening" now',
    );
  });

  it('does not call two images changed that swapped their names', () => {
    expect(told([{ ...b, path: 'a.png' }, { ...a, path: 'b.png' }, d])).toEqual([]);
  });

  it('sees that an image moved to another folder where the metadata names it', () => {
    const now = [a, b, { ...d, path: 'e/d.png' }];
    expect(told(now)).toEqual([]);
    expect(told(now, true)).toEqual([['e/d.png', 'folder']]);
    expect(told([{ ...a, path: 'renamed.png' }, b, d], true)).toEqual([]);
  });

  it('sees that a folder was renamed to another number of repeats', () => {
    expect(told([a, b, { ...d, path: '10_c/d.png', repeats: 10 }])).toEqual([['10_c/d.png', 'repeats']]);
  });
});
