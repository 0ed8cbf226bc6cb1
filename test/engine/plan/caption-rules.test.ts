import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CaptionRules, captionRules, emptied } from '../../../src/engine/plan/caption-rules.ts';
import { isOneEditAway, tagTable } from '../../../src/engine/plan/tag-table.ts';

const none: CaptionRules = {
  replace: [],
  remove: [],
  keep_only: [],
  dedupe: false,
  add_first: [],
  add_last: [],
  limit: 0,
  protect: [],
};

describe('rules over captions', () => {
  it.each([
    ['no rule changes no letter', {}, ' a ,b,, c ', ' a ,b,, c '],
    ['whole tags only', { remove: ['cat'] }, 'cat, cat ears, black cat', 'cat ears, black cat'],
    [
      'underscores, case and backslashes do not count',
      { remove: ['Long_Hair', 'miku (cosplay)'] },
      'long hair, miku \\(cosplay\\), hat',
      'hat',
    ],
    ['a star is any letters', { remove: ['* hair'] }, 'long hair, hair, red hair band', 'hair, red hair band'],
    ['what is protected stays', { remove: ['*hair'], protect: ['red hair'] }, 'red hair, long hair', 'red hair'],
    ['replaced tags may be removed', { replace: ['colour -> color'], remove: ['color'] }, 'colour, a', 'a'],
    ['a replacement may be several tags, or none', { replace: ['a -> x, y', 'b ->'] }, 'a, b, c', 'x, y, c'],
    ['only what is kept', { keep_only: ['a', 'c*'], protect: ['z'] }, 'a, b, cc, z', 'a, cc, z'],
    ['doubles go, the first stays', { dedupe: true }, 'A b, c, a_b', 'A b, c'],
    ['added tags move', { add_first: ['q'], add_last: ['z'] }, 'z, a, q', 'q, a, z'],
    ['a limit spares what is protected', { limit: 2, protect: ['d'] }, 'a, b, c, d', 'a, d'],
    ['signs of patterns are letters', { remove: [':(', '^_^'] }, ':(, ^_^, :)', ':)'],
  ] as const)('%s', (_, rules, text, expected) =>
    expect(captionRules({ ...none, ...(rules as Partial<CaptionRules>) })(text)).toBe(expected),
  );

  it('a pattern with a star matches any character', () => {
    for (const sign of `!"#$%&'()+-./:;<=>?@[]^_{|}~`) {
      const rules = captionRules({ ...none, remove: [`x${sign}y*`] });
      expect(rules(`x${sign}yz, b`)).toBe('b');
    }
  });

  it('changes nothing when applied twice, except for replacements', () => {
    const tag = fc.constantFrom('a', 'b', 'cat', 'cat ears', 'long_hair', 'q');
    const some = fc.array(tag, { maxLength: 3 });
    const rules = fc.record({ remove: some, keep_only: some, protect: some, dedupe: fc.boolean(), limit: fc.nat(4) });
    fc.assert(
      fc.property(fc.array(tag, { maxLength: 8 }), rules, (tags, given) => {
        const apply = captionRules({ ...none, ...given });
        const once = apply(tags.join(', '));
        expect(apply(once)).toBe(once);
      }),
    );
  });

  it('names captions that are left empty', () => {
    const images = [
      { path: 'a.png', caption: 'cat' },
      { path: 'b.png', caption: null },
    ] as never;
    expect(emptied({ ...none, remove: ['cat'] }, { images })[0]).toContain('leave 1 caption without a word (a.png)');
    expect(emptied(none, { images })).toEqual([]);
  });
});

describe('the table of tags', () => {
  const table = tagTable([
    '1girl, long hair, blue eyes, standing',
    '1girl, long_hair, blue eyes, sitting',
    '1girl, Long hair, bleu eyes, 2girls',
    '1girl, blue eyes, hat',
  ]);

  it('counts each tag once an image, whatever its spelling', () => {
    expect(table.tags.slice(0, 3)).toEqual([
      { tag: '1girl', images: 4, share: 1 },
      { tag: 'blue eyes', images: 3, share: 0.75 },
      { tag: 'long hair', images: 3, share: 0.75 },
    ]);
    expect(table.common).toEqual(['1girl']);
    expect(table.near).toEqual([{ tag: 'bleu eyes', likely: 'blue eyes' }]);
    expect(table.groups.hair).toEqual(['long hair']);
    expect(table.rare).toContain('hat');
  });

  it.each([
    ['blue', 'bleu', true],
    ['blue', 'blues', true],
    ['blue', 'blur', true],
    ['blue', 'blue', false],
    ['blue', 'blurs', false],
    ['abcd', 'dcba', false],
  ])('%s and %s', (a, b, expected) => expect(isOneEditAway(a, b)).toBe(expected));
});
