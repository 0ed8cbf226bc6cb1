import { describe, expect, it } from 'vitest';
import { listedRuns, sweepRuns } from '../../../src/engine/queue/sweep.ts';

describe('a sweep', () => {
  it('is every combination, named by the values that differ', () => {
    const all = sweepRuns(['training.rank=8,16', 'training.learning_rate=1e-4, 2e-4'], { seed: 1 });
    expect(all.map(({ suffix }) => suffix)).toEqual(['rank8-lr1e-4', 'rank8-lr2e-4', 'rank16-lr1e-4', 'rank16-lr2e-4']);
    expect(all[1]).toMatchObject({
      values: { 'training.rank': 8, 'training.learning_rate': 2e-4 },
      overrides: ['training.rank=8', 'training.learning_rate=2.0e-4'],
    });
    const odd = sweepRuns(['training.optimizer=adamw,"a/b c"'], { seed: 1 });
    expect(odd.map(({ suffix }) => suffix)).toEqual(['optadamw', 'optabc']);
  });

  it('at random depends on the seed alone, and draws rates by their logarithm', () => {
    const texts = ['training.learning_rate=1e-5..1e-3', 'training.rank=4..64', 'training.optimizer=adamw,lion'];
    const drawn = (seed: number) => sweepRuns(texts, { random: 200, seed });
    expect(drawn(1)).toEqual(drawn(1));
    expect(drawn(1)).not.toEqual(drawn(2));
    // The first draws of a longer sweep are those of a shorter one, so that a sweep can be extended.
    expect(sweepRuns(texts, { random: 5, seed: 1 })).toEqual(drawn(1).slice(0, 5));
    const rates = drawn(1).map(({ values }) => values['training.learning_rate'] as number);
    const ranks = drawn(1).map(({ values }) => values['training.rank'] as number);
    expect(rates.every((rate) => rate >= 1e-5 && rate <= 1e-3)).toBe(true);
    expect(rates.filter((rate) => rate < 1e-4).length).toBeGreaterThan(70);
    expect(ranks.every((rank) => Number.isInteger(rank) && rank >= 4 && rank <= 64)).toBe(true);
    expect(new Set(drawn(1).map(({ suffix }) => suffix)).size).toBe(200);
  });

  it('can be listed', () => {
    const all = listedRuns('- {training.rank: 8}\n- {training.rank: 8}\n- {dataset.trigger: "a b"}\n', 'list.yaml');
    expect(all.map(({ suffix }) => suffix)).toEqual(['rank8', 'rank8-2', 'triggerab']);
    expect(all[2]?.overrides).toEqual(['dataset.trigger=a b']);
  });

  it.each([
    ['training.rnk=8', /no key training.rnk/],
    ['training.rank', /is not key=value/],
    ['training.rank=', /is not key=value/],
    ['training.learning_rate=1e-4..1e-5', /no range of two numbers/],
    ['training.learning_rate=1e-5..1e-4', /--random/],
    [`training.rank=${Array.from({ length: 1001 }, (_, i) => i).join()}`, /1000 is the most/],
  ])('%s is refused', (text, why) => {
    expect(() => sweepRuns([text], { seed: 1 })).toThrow(why);
  });

  it.each([['{}'], ['[]'], ['[1]'], ['- {training.rnk: 1}'], ['- [']])('a list such as %s is refused', (text) => {
    expect(() => listedRuns(text, 'list.yaml')).toThrow();
  });
});
