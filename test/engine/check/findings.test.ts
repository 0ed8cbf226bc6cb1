import { describe, expect, it } from 'vitest';
import { captionFindings } from '../../../src/engine/check/caption-findings.ts';
import type { CheckImage, DatasetFinding } from '../../../src/engine/check/finding.ts';
import type { Look } from '../../../src/engine/check/looks.ts';
import { type Fingerprint, nearDuplicates } from '../../../src/engine/check/near-duplicates.ts';
import { pixelFindings } from '../../../src/engine/check/pixel-findings.ts';
import { keptPart, sizeFindings } from '../../../src/engine/check/size-findings.ts';
import { tagFindings } from '../../../src/engine/check/tag-findings.ts';

const image = (path: string, more: Partial<CheckImage> = {}): CheckImage => ({
  path,
  sha256: path.padEnd(64, '0'),
  size: [1024, 1024],
  bucket: [1024, 1024],
  own: 'a fox',
  caption: 'a fox',
  uses: 1,
  ...more,
});

/** A number that is the same in every run, whose bits stand for drawn ones. */
function bits(seed: number): bigint {
  let state = BigInt(seed) * 0x9e3779b97f4a7c15n + 0x1234567n;
  state = BigInt.asUintN(64, (state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n);
  state = BigInt.asUintN(64, (state ^ (state >> 27n)) * 0x94d049bb133111ebn);
  return state ^ (state >> 31n);
}
const print = (hash: bigint, colours = '80'.repeat(48)): Fingerprint => ({
  phash: hash.toString(16).padStart(16, '0'),
  colours,
});
const flipped = (hash: bigint, count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => 1n << BigInt((from + i * 7) % 64)).reduce((all, bit) => all ^ bit, hash);

const look = (more: Partial<Look> = {}): Look => ({
  version: 1,
  phash: '0'.repeat(16),
  colours: '80'.repeat(48),
  blur: 0.2,
  one_colour: 0.1,
  borders: [0, 0, 0, 0],
  grey_rest: 0,
  jpeg_quality: null,
  ...more,
});

describe('near duplicates', () => {
  it('are found up to 10 of 64 bits, by comparing all and by the index alike', () => {
    for (const others of [10, 3000]) {
      const prints = Array.from({ length: others }, (_, i) => print(bits(i)));
      for (let changed = 0; changed <= 12; changed += 1) prints.push(print(flipped(bits(5), changed, changed)));
      const found = nearDuplicates(prints);
      expect([...found].map(([at, near]) => [at - others, near.first, near.bits])).toEqual(
        Array.from({ length: 11 }, (_, changed) => [changed, 5, changed]),
      );
    }
  });

  it('are none where only the colours differ, or of images that were not examined', () => {
    expect(nearDuplicates([print(1n), undefined, print(1n, '20'.repeat(48))]).size).toBe(0);
  });

  it('gather around the image with a caption, or else the larger one', () => {
    const images = [
      image('a', { own: null, size: [2000, 2000] }),
      image('b', { size: [900, 900] }),
      image('c', { size: [1000, 1000] }),
    ];
    const [finding] = pixelFindings(images, new Map(images.map(({ sha256 }) => [sha256, look()])));
    expect(finding).toMatchObject({ kind: 'near-duplicate', what: '2 pictures nearly the same as another (1 group).' });
    expect(finding?.items.map(({ path, detail }) => `${path} ${detail}`)).toEqual([
      'b is nearly c (0 of 64 bits differ)',
      'a is nearly c (0 of 64 bits differ)',
    ]);
  });
});

describe('pixels', () => {
  const kinds = (more: Partial<Look>) =>
    pixelFindings([image('a')], new Map([[image('a').sha256, look(more)]])).map(({ kind }) => kind);

  it('are judged by bounds', () => {
    expect(kinds({})).toEqual([]);
    expect(kinds({ blur: 0.59 })).toEqual([]);
    expect(kinds({ blur: 0.6 })).toEqual(['blurred']);
    expect(kinds({ grey_rest: 0.3 })).toEqual(['damaged']);
    expect(kinds({ jpeg_quality: 49 })).toEqual(['compressed']);
    expect(kinds({ jpeg_quality: 50, borders: [0, 0.1, 0, 0.1] })).toEqual(['border']);
    // An empty image has no blur and no border worth a warning.
    expect(kinds({ one_colour: 1, blur: 1, borders: [0, 0.1, 0, 0] })).toEqual(['empty']);
  });

  it('of images that were not examined give no finding', () => {
    expect(pixelFindings([image('a'), image('b')], new Map())).toEqual([]);
  });
});

describe('sizes', () => {
  it('count which images are enlarged and cropped, and how much', () => {
    const small = image('a', { size: [400, 400] });
    const wide = image('b', { size: [2000, 1000], bucket: [1024, 1024] });
    const high = image('c', { size: [1000, 1500], bucket: [1024, 1024] });
    expect(keptPart(wide)).toEqual([0.5, 1]);
    expect(
      sizeFindings([small, wide, high]).map(({ kind, items }) => [kind, items.map(({ detail }) => detail)]),
    ).toEqual([
      ['enlarged', ['is 400×400, enlarged 2.6 times to 1024×1024']],
      [
        'cropped',
        [
          'is 2000×1000: left and right, 50 % of it, is cut away for 1024×1024',
          'is 1000×1500: top and bottom, 33 % of it, is cut away for 1024×1024',
        ],
      ],
    ]);
  });

  it('speak of one image or of several', () => {
    const small = (path: string) => image(path, { size: [400, 400] });
    const told = (...images: CheckImage[]) => sizeFindings(images).map(({ what, done }) => `${what} ${done}`);
    expect(told(small('a'))).toEqual(['1 picture much smaller than the bucket. It is enlarged, which teaches blur.']);
    expect(told(small('a'), small('b'))).toEqual([
      '2 pictures much smaller than the bucket. They are enlarged, which teaches blur.',
    ]);
    const looks = new Map([image('a'), image('b')].map(({ sha256 }) => [sha256, look()]));
    expect(pixelFindings([image('a'), image('b')], looks)[0]?.done).toMatch(/^Both are trained on/);
  });

  it('say how much of a mask the crop cuts off, and at which sides where it was moved', () => {
    const wide = image('b', { size: [2000, 1000], bucket: [1024, 1024] });
    const told = (left: number, lost: number, focus: boolean) =>
      sizeFindings([wide], { crops: new Map([['b', { left, top: 0, lost }]]), focus }).map(
        ({ kind, level, items }) => `${kind} ${level} ${items[0]?.detail}`,
      );
    expect(told(0.25, 0.4, false)).toEqual([
      'cropped info is 2000×1000: left and right, 50 % of it, is cut away for 1024×1024',
      'cut-mask warn loses 40 % of what its mask shows',
    ]);
    expect(told(0.1, 0.05, true)).toEqual([
      'cropped info is 2000×1000: left, 10 %, and right, 40 % of it, is cut away for 1024×1024',
    ]);
    expect(told(0.5, 0.1, true)).toEqual([
      'cropped info is 2000×1000: left, 50 % of it, is cut away for 1024×1024',
      'cut-mask info loses 10 % of what its mask shows',
    ]);
  });

  it('name folders of which one is used more than ten times as often as another', () => {
    const many = (uses: number) => [image('a/1'), image('b/1', { uses })];
    expect(sizeFindings(many(10))).toEqual([]);
    expect(sizeFindings(many(11))[0]?.items.map(({ path, detail }) => `${path} ${detail}`)).toEqual([
      'a/ 1 picture, 1 use in an epoch',
      'b/ 1 picture, 11 uses in an epoch',
    ]);
  });
});

describe('captions', () => {
  const found = (captions: readonly (string | null)[], trigger = '', tokens?: ReadonlyMap<string, number>) =>
    captionFindings(
      captions.map((own, i) => image(`${i}`, { own, caption: own ?? '' })),
      { trigger, tokens },
    );
  const kinds = (...input: Parameters<typeof found>) => found(...input).map(({ kind }) => kind);

  it('are named when they are missing, equal, spoilt or have wide commas', () => {
    expect(kinds(['a fox', 'a cat'])).toEqual([]);
    expect(kinds(['a fox', null])).toEqual(['no-caption']);
    expect(found([null, null])[0]?.what).toBe('No picture has a caption.');
    expect(kinds(['a fox', 'a fox', 'a cat'])).toEqual(['same-caption']);
    expect(found(['a fox', 'a fox'])[0]?.what).toBe('All 2 captions are the same.');
    expect(kinds(['a cafÃ©', 'a cat'])).toEqual(['garbled']);
    expect(kinds(['a fox，red', 'a cat'])).toEqual(['wide-comma']);
    expect(kinds(['ein Fuchs für alle', 'Ãrger'])).toEqual([]);
  });

  it('are counted by the real tokenizer where there is one, else estimated', () => {
    const long = 'fox '.repeat(100);
    expect(found([long, 'a'], '', new Map([[long, 230]]))[0]).toMatchObject({
      level: 'warn',
      items: [{ path: '0', detail: 'has 230 tokens: 3 chunks of 75, and 5 that are not read' }],
    });
    expect(found([long, 'a'])[0]?.items[0]?.detail).toBe('has about 121 tokens: 2 chunks of 75');
  });

  it('have tags that are likely misspelt', () => {
    const tags = [
      'red hair, blue eyes, smile',
      'red hair, blue eyes, hat',
      'red hair, blue eyes',
      'red hari, blue eyes, dog',
    ];
    expect(found(tags)).toMatchObject([
      { kind: 'misspelt', items: [{ path: '3', detail: 'has the tag red hari: is red hair meant?' }] },
    ]);
  });

  it('are checked for the trigger, and the trigger for being a word of the base', () => {
    const tokens = (count: number) => new Map([['zwx', count]]);
    expect(kinds(['zwx, a fox', 'Zwx'], 'zwx')).toEqual([]);
    expect(kinds(['zwx, a fox', 'zwxs'], 'zwx', tokens(2))).toEqual(['no-trigger']);
    expect(kinds(['zwx, a fox', 'zwx'], 'zwx', tokens(1))).toEqual(['known-trigger']);
  });
});

describe('leaks between training and validation', () => {
  const at = (path: string, held: boolean) => image(path, { held });
  it('name the validation image, and are no other near duplicates', () => {
    const images = [at('a.png', false), at('v.png', true), at('w.png', true)];
    const looks = new Map(
      images.map(({ sha256, path }) => [sha256, look(path === 'w.png' ? { phash: 'f'.repeat(16) } : {})]),
    );
    for (const order of [images, images.toReversed()]) {
      const found = pixelFindings(order, looks);
      expect(found.map(({ kind, level, items }) => [kind, level, items])).toEqual([
        ['leak', 'warn', [{ path: 'v.png', detail: 'is nearly a.png, which is trained on (0 of 64 bits differ)' }]],
      ]);
    }
  });
});

describe('tags', () => {
  const none = () => [];
  const tags = (path: string, own: string | null) => image(path, { own });
  const kinds = (found: readonly DatasetFinding[]) => found.map(({ kind, level }) => [kind, level]);

  it('for writing give a finding, a warning where only the tagger names them', () => {
    const images = [
      tags('a', 'fox, snow, watermark'),
      tags('b', 'fox, snow, tree'),
      tags('c', 'A photo with a watermark on it.'),
    ];
    const named = tagFindings(images, none);
    expect(kinds(named)).toEqual([['writing', 'info']]);
    expect(named[0]?.items.map(({ path }) => path)).toEqual(['a', 'c']);
    const seen = tagFindings(images, (sha256) =>
      sha256.startsWith('b')
        ? [
            ['twitter_username', 'general', 0.61],
            ['text_focus', 'general', 0.9],
          ]
        : [],
    );
    expect(kinds(seen)).toEqual([['writing', 'warn']]);
    expect(seen[0]?.items[1]).toEqual({
      path: 'b',
      detail: 'has twitter username (0.61), says the tagger, and the caption does not',
    });
    expect(tagFindings([tags('a', 'a fox. It has a signature look')], none)[0]?.kind).toBe('writing');
    expect(tagFindings([tags('a', 'context, textile, dated hat style')], none)).toEqual([]);
  });

  it('for characters and clothes are counted, and out of balance above ten to one', () => {
    const miku = Array.from({ length: 11 }, (_, i) => tags(`m${i}`, 'hatsune miku, white shirt, solo, smile'));
    const images = [
      ...miku,
      tags('r', 'rin, kimono, solo, smile'),
      { ...tags('v', 'kagamine rin, solo, smile'), held: true },
    ];
    const found = tagFindings(images, (sha256) =>
      sha256.startsWith('r') ? [['rin', 'character', 0.9]] : [['hatsune_miku', 'character', 0.95]],
    );
    expect(kinds(found)).toEqual([
      ['characters', 'warn'],
      ['outfits', 'info'],
    ]);
    expect(found[0]?.what).toBe('2 known characters by tag: hatsune miku (11), rin (1).');
    expect(found[0]?.items).toEqual([{ path: 'r', detail: 'has rin, which few pictures have' }]);
    expect(found[1]?.what).toBe('Clothes by tag: white shirt (11), kimono (1).');
    expect(kinds(tagFindings(miku, () => [['hatsune_miku', 'character', 0.95]]))).toEqual([['characters', 'info']]);
  });
});
