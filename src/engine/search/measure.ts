/**
 * The value that a search optimises: the loss on images kept out of training, a number of a hook, or one that `judge`
 * measures.
 */
import { UsageError } from '../../base/errors.ts';
import { readEvents } from '../events/tail.ts';

export const JUDGED = ['likeness', 'fit', 'bleeding', 'diversity'] as const;
export type JudgedMeasure = (typeof JUDGED)[number];

export type SearchMeasure =
  | { readonly kind: 'validation' }
  | { readonly kind: 'metric'; readonly name: string; readonly higher: boolean }
  | { readonly kind: 'judged'; readonly name: JudgedMeasure };

/**
 * Reads the name of a measure.
 * @throws UsageError for an unknown one
 */
export function searchMeasure(text: string): SearchMeasure {
  if (text === 'validation') return { kind: 'validation' };
  const metric = /^metric:(-?)([A-Za-z][\w./-]{0,63})$/.exec(text);
  if (metric !== null) return { kind: 'metric', name: metric[2] ?? '', higher: metric[1] === '' };
  const name = JUDGED.find((one) => one === text);
  if (name !== undefined) return { kind: 'judged', name };
  throw new UsageError(`--measure ${text} is nothing that a search can go by.`, {
    id: 'queue/sweep',
    nextSteps: [
      `One of: validation, ${JUDGED.join(', ')}`,
      'Or a number that a hook answers with: metric:clip, and metric:-fid where lower is better',
    ],
  });
}

/** Whether a higher value is better. */
export const higherIsBetter = (measure: SearchMeasure): boolean =>
  measure.kind === 'metric' ? measure.higher : measure.kind === 'judged' && measure.name !== 'bleeding';

/**
 * The best value in the events of a run: the lowest validation loss after the first step, or the best number of a
 * hook. Undefined where there is none.
 */
export function bestInEvents(dir: string, measure: SearchMeasure): number | undefined {
  const values = [...valuesInEvents(dir, measure).values()];
  if (values.length === 0) return undefined;
  return values.reduce((a, b) => ((higherIsBetter(measure) ? b > a : b < a) ? b : a));
}

/** The values that the events of a run have, by step. Of a step that was done again after a resume the last counts. */
export function valuesInEvents(dir: string, measure: SearchMeasure): ReadonlyMap<number, number> {
  const values = new Map<number, number>();
  for (const events of readEvents(dir))
    for (const event of events) {
      const value = valueOn(event, measure);
      if (value !== undefined && Number.isFinite(value)) values.set((event as { step?: number }).step ?? 0, value);
    }
  return values;
}

/** The value in one event; undefined where it has none. */
export function valueOn(event: { readonly type: string }, measure: SearchMeasure): number | undefined {
  const { type, step, loss, values } = event as {
    type: string;
    step?: number;
    loss?: number;
    values?: Readonly<Record<string, number>>;
  };
  if (measure.kind === 'validation') return type === 'validation' && (step ?? 0) > 0 ? loss : undefined;
  return measure.kind === 'metric' && type === 'metric' ? values?.[measure.name] : undefined;
}
