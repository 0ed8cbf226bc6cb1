import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findTerm, glossary, glossaryPage, helpFor, nearestTerm } from '../../src/spec/glossary.ts';
import { specKeys } from '../../src/spec/keys.ts';
import { modeQuestion } from '../../src/wizard/questions/mode.ts';

describe('the glossary', () => {
  it('names every term once, in a few plain sentences', () => {
    const names = glossary.flatMap(({ term, also }) => [...new Set([term.toLowerCase(), ...(also ?? [])])]);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    for (const { text } of glossary) {
      expect(text).toMatch(/[.]$/);
      expect(text.length).toBeLessThan(420);
    }
  });

  it('points only at keys that exist', () => {
    const keys = new Set(specKeys.map(({ key }) => key));
    expect(glossary.flatMap((entry) => entry.keys ?? []).filter((key) => !keys.has(key))).toEqual([]);
  });

  it.each([
    ['rank', 'rank'],
    ['Network Rank', 'rank'],
    ['min-snr', 'min-SNR gamma'],
    ['training.min_snr_gamma', 'min-SNR gamma'],
    ['bf16', 'precision'],
    ['caption_dropout', 'dropout'],
  ])('finds %s', (wanted, term) => {
    expect(findTerm(wanted)?.term).toBe(term);
  });

  it('knows only its own terms, and suggests the term that was meant', () => {
    expect(findTerm('quantum')).toBeUndefined();
    expect(nearestTerm('learnng rate')).toBe('learning rate');
  });

  it('has the text that the first question shows, which must not load it', () => {
    const [lora = ''] = helpFor(['lora']);
    for (const line of modeQuestion.words.help) expect(lora).toContain(line.slice(0, 80));
  });

  // After a change of a term, `npx vitest run test/spec/glossary.test.ts -u` writes the page anew.
  it('is the page in the docs', async () => {
    await expect(glossaryPage()).toMatchFileSnapshot(join(import.meta.dirname, '..', '..', 'docs', 'glossary.md'));
  });
});
