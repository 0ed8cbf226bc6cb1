import { describe, expect, it } from 'vitest';
import { composeTags, joinCaption, type ScoredTag, type TagRules } from '../../../src/engine/captions/compose.ts';
import { captionPreset } from '../../../src/engine/captions/presets.ts';
import { cleanTag } from '../../../src/engine/dataset/words/booru.ts';

const tags: readonly ScoredTag[] = [
  ['1girl', 'general', 0.99],
  ['hatsune_miku', 'character', 0.9],
  ['long_hair', 'general', 0.8],
  ['^_^', 'general', 0.6],
  ['some_copyright', 'copyright', 0.5],
  ['red_theme', 'general', 0.36],
  ['rare_thing', 'general', 0.34],
  ['someone_else', 'character', 0.84],
  ['sensitive', 'rating', 0.7],
  ['general', 'rating', 0.2],
];
const rules: TagRules = { threshold: 0.35, character_threshold: 0.85, ratings: 'none', exclude: [] };

describe('tags as text', () => {
  it.each([
    ['the usual thresholds', rules, 'hatsune miku, 1girl, long hair, ^_^, some copyright, red theme'],
    [
      'a lower threshold',
      { ...rules, threshold: 0.3 },
      'hatsune miku, 1girl, long hair, ^_^, some copyright, red theme, rare thing',
    ],
    ['no characters', { ...rules, character_threshold: 1, threshold: 0.7 }, '1girl, long hair'],
    ['excluded, however they are spelt', { ...rules, threshold: 0.7, exclude: ['Long Hair', 'hatsune_miku'] }, '1girl'],
    ['a rating of Danbooru', { ...rules, threshold: 0.9, ratings: 'danbooru' }, 'hatsune miku, 1girl, sensitive'],
    ['a rating of Pony', { ...rules, threshold: 0.9, ratings: 'pony' }, 'hatsune miku, 1girl, rating_safe'],
    ['nothing above the threshold', { ...rules, threshold: 1, character_threshold: 1 }, ''],
  ] as [string, TagRules, string][])('%s', (_, given, expected) => expect(composeTags(tags, given)).toBe(expected));

  it('keeps the underscores of faces and of short names, and no comma inside a tag', () => {
    expect(['^_^', '>_<', '||_||', 'a_b', 'o_o', 'blue_eyes', 'a_very_long_tag'].map(cleanTag)).toEqual([
      '^_^',
      '>_<',
      '||_||',
      'a_b',
      'o_o',
      'blue eyes',
      'a very long tag',
    ]);
    expect(composeTags([['one,two', 'general', 1]], rules)).toBe('onetwo');
  });

  it('joins tags and a sentence, either of which may be missing', () => {
    expect(joinCaption('a, b', 'A fox.')).toBe('a, b, A fox.');
    expect(joinCaption('', 'A fox.')).toBe('A fox.');
    expect(joinCaption('a', undefined)).toBe('a');
  });
});

describe('presets', () => {
  const booru = { id: 'illustrious', caption_style: 'tags' } as const;

  it('gives tags to bases that were taught with them, and sentences to others', () => {
    expect(captionPreset(booru, 'concept')).toEqual({ write: 'tags' });
    expect(captionPreset(booru, 'style')).toEqual({ write: 'tags', threshold: 0.5, character_threshold: 1 });
    expect(captionPreset(booru, 'character')).toEqual({ write: 'tags', character_threshold: 1 });
    expect(captionPreset({ id: 'sd15', caption_style: 'sentences' }, 'style')).toEqual({ write: 'sentences' });
    expect(captionPreset(undefined, 'style')).toEqual({ write: 'sentences' });
  });
});
