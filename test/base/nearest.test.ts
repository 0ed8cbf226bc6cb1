import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/base/nearest.ts';

describe('nearest', () => {
  it.each([
    ['learning_rat', 'learning_rate'],
    ['rnak', 'rank'],
    ['Alpha', 'alpha'],
    ['sdlx', 'sdxl'],
  ])('%s is meant to be %s', (typed, meant) => {
    expect(nearest(typed, ['learning_rate', 'rank', 'alpha', 'sdxl', 'sd15'])).toBe(meant);
  });

  it('suggests nothing far away', () => {
    expect(nearest('banana', ['rank', 'alpha'])).toBeUndefined();
    expect(nearest('', ['rank'])).toBeUndefined();
  });
});
