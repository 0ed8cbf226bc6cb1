/**
 * Compares the runs of a sweep: the best first, and for each swept value the results of all runs that have it. Pure.
 */
import type { ComparedRun } from './compare.ts';

/** The results of the runs with one value of a swept key. */
export interface ValueEffect {
  readonly value: unknown;
  /** Number of runs that have the value and a score. */
  readonly runs: number;
  /** Mean of their scores; null while there is none. */
  readonly mean: number | null;
  readonly lowest: number | null;
}

export interface KeyEffect {
  readonly key: string;
  /** The value with the lowest mean comes first. */
  readonly values: readonly ValueEffect[];
}

/** The score of a run: its lowest validation loss; null where it has none. */
const scoreOf = ({ best }: ComparedRun): number | null => best?.loss ?? null;

/**
 * Order of two runs by validation loss, the lower first. Runs without one come after those, and runs without any loss
 * last. The training loss is no score between runs with different settings, but it orders runs that have nothing else.
 */
export function betterFirst(a: ComparedRun, b: ComparedRun): number {
  const by = (x: number | null, y: number | null) => (x ?? Number.POSITIVE_INFINITY) - (y ?? Number.POSITIVE_INFINITY);
  return by(scoreOf(a), scoreOf(b)) || by(a.loss, b.loss) || 0;
}

/** The results for each value of each swept key. Keys are in the order in which runs name them. */
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
