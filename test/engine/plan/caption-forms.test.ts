import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCaption } from '../../../src/engine/dataset/captions.ts';
import { hasLooseBrace, longestForms, mostCaptions, plainCaption } from '../../../src/engine/plan/caption-forms.ts';
import { planSamples } from '../../../src/engine/plan/samples.ts';
import type { Plan } from '../../../src/engine/plan/schema.ts';
import { fillSpec } from '../../../src/engine/prepare/fill.ts';
import { type CaptionOptions, captionOptionsSchema } from '../../../src/spec/sections/caption-options.ts';
import { testRegistry } from '../../helpers/registry.ts';

interface Form {
  readonly options: Partial<CaptionOptions>;
  readonly caption: string;
  readonly plain: string;
}
const forms = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/caption-forms.json'), 'utf8'),
) as readonly Form[];
const options = (given: Partial<CaptionOptions>) => captionOptionsSchema.parse(given);

const composed = (
  text: string,
  given: Partial<CaptionOptions>,
  { captions = {}, ...dataset }: Readonly<Record<string, unknown>> = {},
) =>
  planSamples({
    spec: fillSpec(
      {
        name: 'fox',
        dataset: { path: '/data', trigger: 'zwx', caption_options: given, ...dataset },
        captions,
        model: { base: 'sd15' },
      },
      testRegistry,
    ).spec,
    scan: {
      root: '/data',
      images: [{ path: 'a.png', size: [512, 512], format: 'png', caption: text, repeats: 1, sha256: 'a'.repeat(64) }],
      ...{ leftOut: [], folders: [], others: {}, otherCaptions: {}, notes: [] },
    },
  })[0]?.caption;

describe('the forms of a caption', () => {
  it.each(forms)('is what the trainer makes of it: $caption', ({ options: given, caption, plain }) => {
    expect(plainCaption(caption, options(given))).toBe(plain);
    expect(plainCaption(caption, null)).toBe(caption);
  });

  it('are counted by their longest', () => {
    const all = options({ wildcards: true, lines: 'random', keep_separator: '|||' });
    expect(longestForms('a ||| {b|long one}\nc', all)).toEqual(['a, long one', 'c']);
    expect(longestForms('a ||| {b|long one}\nc', null)).toEqual(['a ||| {b|long one}\nc']);
    const plan = (given: CaptionOptions | null) =>
      ({
        data: {
          images: [{ caption: '{a|b} {c|d|e}\nx', repeats: 1, validation: false }],
          shuffle_tags: false,
          keep_tags: 1,
          tag_dropout: 0,
          caption_options: given,
        },
        training: { steps: 100, gradient_accumulation: 1, batches_per_epoch: 1 },
      }) as unknown as Plan;
    expect(mostCaptions(plan(all))).toBe(7);
    expect(mostCaptions(plan(null))).toBe(1);
  });

  it('are known to have braces that match or not', () => {
    expect(['{a|b}', '{{a}}', 'a'].filter(hasLooseBrace)).toEqual([]);
    expect(['{a', 'a}', '{a|{b}}'].filter(hasLooseBrace)).toEqual(['{a', 'a}', '{a|{b}}']);
  });
});

describe('a caption with options', () => {
  it('has trigger and prefix at its front, and the suffix at its end', () => {
    const more = { caption_prefix: 'good', caption_suffix: 'end' };
    expect(composed('hat ||| a, b', { keep_separator: '|||' }, more)).toBe('zwx, good, hat ||| a, b, end');
    expect(composed('zwx, hat ||| a ||| c', { keep_separator: '|||' }, more)).toBe('good, zwx, hat ||| a ||| c, end');
    // A trigger behind the separator could be dropped.
    expect(composed('hat ||| zwx', { keep_separator: '|||' })).toBe('zwx, hat ||| zwx');
    expect(composed('hat, a', { keep_separator: '|||' }, more)).toBe('zwx, good, hat, a, end');
  });

  it('is each line by itself, or the first line, or all lines as one', () => {
    expect(composed('a\nb', { lines: 'random' })).toBe('zwx, a\nzwx, b');
    expect(composed('a\nb', { lines: 'first' })).toBe('zwx, a');
    const file = Buffer.from('\ufeffa,\tb\r\n\r\n  c \u2028d');
    expect(readCaption(file, true).text).toBe('a, b\nc\nd');
    expect(readCaption(file).text).toBe('a, b c d');
  });

  it('keeps its separators where rules change tags', () => {
    const captions = { remove: ['a'], replace: ['b -> big'], dedupe: true };
    expect(composed('hat, a ||| a, b ||| hat', { keep_separator: '|||' }, { captions })).toBe(
      'zwx, hat ||| big ||| hat',
    );
  });
});
