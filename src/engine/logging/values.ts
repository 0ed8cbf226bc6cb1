/**
 * Decides which values of a run are logged, under which tags and how often. The tags are those of sd-scripts, which
 * people's dashboards know. Pure, and bounded in memory.
 */
import type { Payload, RunEvent } from '../events/schema.ts';
import type { TextRate } from './text-rates.ts';

export interface LoggedStep {
  readonly t: number;
  readonly step: number;
  readonly values: readonly { readonly tag: string; readonly scalar: number }[];
}

/** Most steps over which the average loss of an epoch is taken. */
const LONGEST_EPOCH = 100_000;

export interface ValueLog {
  /** The values to log after an event; undefined for most events. */
  take(event: RunEvent): LoggedStep | undefined;
  /** The values that have not been logged yet; undefined when there are none. */
  rest(): LoggedStep | undefined;
}

type StepEvent = Payload<'step'> & { readonly t: number };

export function valueLog(every: number, textRates: readonly TextRate[] = []): ValueLog {
  let gathered: StepEvent[] = [];
  const average = epochAverage();
  const log = (): LoggedStep | undefined => {
    const last = gathered.at(-1);
    if (last === undefined) return undefined;
    const steps = gathered;
    gathered = [];
    const norms = steps.flatMap(({ grad_norm: norm }) => norm ?? []);
    const memory = steps.flatMap(({ memory: bytes }) => bytes ?? []);
    const values = [
      { tag: 'loss/current', scalar: mean(steps.map(({ loss }) => loss)) },
      { tag: 'loss/average', scalar: average.value() },
      ...rates(last, textRates),
      ...(norms.length > 0 ? [{ tag: 'norm/grad', scalar: most(norms) }] : []),
      ...normCap(steps.flatMap(({ capped }) => capped ?? [])),
      ...(last.images_per_second === undefined ? [] : [{ tag: 'speed/images_per_s', scalar: last.images_per_second }]),
      ...(memory.length > 0 ? [{ tag: 'memory/peak', scalar: most(memory) }] : []),
    ];
    return { t: last.t, step: last.step, values };
  };
  return {
    rest: log,
    take(event) {
      switch (event.type) {
        case 'start':
          gathered = [];
          average.restart(event.batches_per_epoch);
          return undefined;
        case 'step':
          gathered.push(event);
          average.add(event.loss);
          // Long windows are bounded: the average then covers their newest part.
          return event.step % every === 0 || gathered.length >= LONGEST_EPOCH ? log() : undefined;
        case 'validation':
          return { t: event.t, step: event.step, values: [{ tag: 'loss/validation', scalar: event.loss }] };
        case 'metric': {
          const values = Object.entries(event.values).map(([name, scalar]) => ({ tag: `metric/${name}`, scalar }));
          return { t: event.t, step: event.step, values };
        }
        default:
          return undefined;
      }
    },
  };
}

/**
 * The learning rates of a step: the one that is set, and under `d*lr` the effective one of an optimiser that finds its
 * rate itself.
 */
function rates({ step, lr, lr_used: used }: StepEvent, textRates: readonly TextRate[]) {
  const parts = [
    ...textRates.map(({ name, share, until }) => ({ name, share: until !== null && step > until ? 0 : share })),
    { name: 'unet', share: 1 },
  ];
  return [
    ...parts.map(({ name, share }) => ({ tag: `lr/${name}`, scalar: lr * share })),
    ...(used === undefined ? [] : parts.map(({ name, share }) => ({ tag: `lr/d*lr/${name}`, scalar: used * share }))),
  ];
}

/** What sd-scripts logs where the norms of the layers are capped (`scale_weight_norms`), under its names of today. */
function normCap(capped: readonly NonNullable<StepEvent['capped']>[]) {
  if (capped.length === 0) return [];
  return [
    { tag: 'max_norm/keys_scaled', scalar: most(capped.map(({ layers }) => layers)) },
    { tag: 'max_norm/max_key_norm', scalar: most(capped.map(({ largest }) => largest)) },
    { tag: 'norm/avg_key_norm', scalar: mean(capped.map((each) => each.mean)) },
  ];
}

const most = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.max(a, b));
const mean = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** The mean loss over the last epoch, as in sd-scripts, and over fewer steps before one is complete. */
function epochAverage() {
  let ring: number[] = [];
  let sum = 0;
  let at = 0;
  let length = 1;
  return {
    restart(batches: number) {
      ring = [];
      sum = 0;
      at = 0;
      length = Math.min(LONGEST_EPOCH, Math.max(1, batches));
    },
    add(loss: number) {
      if (!Number.isFinite(loss)) return;
      sum += loss - (ring[at] ?? 0);
      ring[at] = loss;
      at = (at + 1) % length;
    },
    value: () => (ring.length === 0 ? 0 : sum / ring.length),
  };
}
