/** The words for values of events, as people read them. */
import type { PhaseName } from './run-state.ts';
import type { Payload } from './schema.ts';

/** Answers to "Did it learn?". */
export const verdictWords = { learned: 'yes', nothing: 'no', unknown: 'cannot be told' } as const;

/** Steps of a run: as the title of a row, and as the present activity. */
export const phaseWords = {
  environment: { title: 'Python environment', doing: 'setting up Python (once)' },
  download: { title: 'Base model', doing: 'fetching the model' },
  captions: { title: 'Writing captions', doing: 'writing captions' },
  load: { title: 'Loading the model', doing: 'loading the model' },
  cache: { title: 'Pictures and captions', doing: 'encoding pictures and captions' },
  train: { title: 'Training', doing: 'training' },
  export: { title: 'LoRA file', doing: 'writing the LoRA' },
} as const satisfies Readonly<Record<PhaseName, { readonly title: string; readonly doing: string }>>;

const loss4 = (value: number) => value.toFixed(4);

/**
 * The validation loss in words: `0.1234 ± 0.0100, 0.0032 ± 0.0004 lower than before training`; the second error is
 * that of the differences.
 */
export function validationWords({ loss, stderr, since_start: since, other }: Payload<'validation'>): string {
  const now = `${loss4(loss)} ± ${loss4(stderr)}${other === undefined ? '' : otherWords(other)}`;
  if (since === undefined || (since.change === 0 && since.stderr === 0)) return now;
  const way = since.change > 0 ? 'higher' : 'lower';
  return `${now}, ${loss4(Math.abs(since.change))} ± ${loss4(since.stderr)} ${way} than before training`;
}

/** The loss of the weights that are not used (with or without the moving average), beside that of the used ones. */
const otherWords = ({ weights, loss }: NonNullable<Payload<'validation'>['other']>): string =>
  ` (${weights === 'ema' ? 'their moving average' : 'without averaging'} ${loss4(loss)})`;

/** The loss by part of the noise, from little to most; undefined where the event has none. */
export function levelWords({ levels = [] }: Payload<'validation'>): string | undefined {
  if (levels.length < 2) return undefined;
  const each = levels.map(({ timestep, loss }) => `${loss4(loss)} at ${timestep}`);
  return `${each.join(', ')} (timestep: low is detail, high is shape)`;
}

/** Numbers that a hook reported: `clip 0.31, face 0.8`. */
export const metricWords = (values: Readonly<Record<string, number>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(5))}`)
    .join(', ');
