/** The runs of a sweep as one: the best first, and what each swept value came to over all runs that had it. Pure. */
import type { ComparedRun } from './compare.ts';

/** What the runs with one value of a swept key came to. */
export interface ValueEffect {
  readonly value: unknown;
  /** Number of runs that have the value and were measured. */
  readonly runs: number;
  /** Mean of their scores; null while none was measured. */
  readonly mean: number | null;
  readonly lowest: number | null;
}

export interface KeyEffect {
  readonly key: string;
  /** The lowest mean first. */
  readonly values: readonly ValueEffect[];
}

/** The score of a run: its lowest validation loss; null where it has none. */
const scoreOf = ({ best }: ComparedRun): number | null => best?.loss ?? null;

/**
 * Order of two runs: the lower validation loss first. A run without one comes after those, and a run without any loss
 * comes last. The loss of training is no score between runs with different settings, but orders those that have nothing
 * else.
 */
export function betterFirst(a: ComparedRun, b: ComparedRun): number {
  const by = (x: number | null, y: number | null) => (x ?? Number.POSITIVE_INFINITY) - (y ?? Number.POSITIVE_INFINITY);
  return by(scoreOf(a), scoreOf(b)) || by(a.loss, b.loss) || 0;
}

/** What each value of each swept key came to, the keys in the order in which runs name them. */
export function sweepEffects(
  runs: readonly { readonly compared: ComparedRun; readonly values: Readonly<Record<string, unknown>> }[],
): KeyEffect[] {
  const keys = [...new Set(runs.flatMap(({ values }) => Object.keys(values)))];
  return keys.flatMap((key) => {
    const having = runs.filter(({ values }) => Object.hasOwn(values, key));
    const texts = [...new Set(having.map(({ values }) => JSON.stringify(values[key])))];
    if (texts.length < 2) return [];
    const effects = texts.map((text) => {
      const all = having.filter(({ values }) => JSON.stringify(values[key]) === text);
      const scores = all.flatMap(({ compared }) => scoreOf(compared) ?? []);
      const known = scores.length > 0;
      return {
        value: all[0]?.values[key],
        runs: scores.length,
        mean: known ? scores.reduce((sum, score) => sum + score, 0) / scores.length : null,
        lowest: known ? Math.min(...scores) : null,
      };
    });
    const order = (mean: number | null) => mean ?? Number.MAX_VALUE;
    return [{ key, values: effects.toSorted((a, b) => order(a.mean) - order(b.mean)) }];
  });
}
