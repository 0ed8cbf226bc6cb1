import { describe, expect, it } from 'vitest';
import { commonWord } from '../../../src/wizard/sources/common-word.ts';

describe('commonWord', () => {
  it.each([
    ['a trigger', ['a big zibbo at sea', 'Zibbo, at night', 'drawing of a zibbo', 'the zibbo on a hill'], 'zibbo'],
    ['only ordinary words', ['a photo of a dog', 'a dog', 'photo of a big dog', 'the dog'], undefined],
    ['several', ['sks corgi', 'sks corgi at sea', 'a sks corgi', 'corgi sks'], undefined],
    ['none', ['tree', 'house', 'sea', 'hill'], undefined],
    ['too few', ['zibbo', 'zibbo'], undefined],
    ['no captions', [], undefined],
  ])('%s', (_what, captions, word) => {
    expect(commonWord(captions)).toBe(word);
  });
});
