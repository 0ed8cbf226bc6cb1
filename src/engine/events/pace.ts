/**
 * How fast a run goes, and when it will end. The pace is the median of recent steps. The time for samples, validation
 * and checkpoints is counted apart and added as an average per step, so that neither a slow sample nor a few fast
 * steps make the estimate jump.
 */
export interface Pace {
  /** The last step seen in this attempt, and its time in seconds. */
  readonly last: { readonly step: number; readonly t: number } | null;
  /**
   * Seconds of undisturbed steps, the newest first. It is a linked list, so that a step costs no copy. Only the first
   * RECENT count.
   */
  readonly recent: Recent | null;
  /** Whether something other than a step happened since `last`. */
  readonly disturbed: boolean;
  /** Seconds spent between steps on other things, up to step `extraStep`. */
  readonly extra: number;
  readonly extraStep: number;
  /** The step at which this attempt started. */
  readonly from: number;
}

interface Recent {
  readonly seconds: number;
  readonly older: Recent | null;
  /** Number of cells from this one on. The list is cut when it reaches twice RECENT. */
  readonly length: number;
}

const RECENT = 64;

export const emptyPace: Pace = { last: null, recent: null, disturbed: false, extra: 0, extraStep: 0, from: 0 };

/** The pace when training starts, or starts again, at this step. */
export const paceStart = (step: number): Pace => ({ ...emptyPace, from: step, extraStep: step });

/**
 * Notes samples, validation or a checkpoint: the time until the next step then says nothing about the duration of a
 * step.
 */
export const paceDisturb = (pace: Pace): Pace => (pace.disturbed ? pace : { ...pace, disturbed: true });

/** Notes an optimiser step at time `t`, in seconds. */
export function paceStep(pace: Pace, step: number, t: number): Pace {
  const last = { step, t };
  const steps = pace.last === null ? 0 : step - pace.last.step;
  if (pace.last === null || steps <= 0 || t < pace.last.t) return { ...pace, last, disturbed: false };
  const seconds = t - pace.last.t;
  if (!pace.disturbed) {
    return { ...pace, last, recent: push(pace.recent, seconds / steps) };
  }
  const extra = pace.extra + Math.max(0, seconds - steps * (secondsPerStep(pace) ?? 0));
  return { ...pace, last, disturbed: false, extra, extraStep: step };
}

/** Median seconds per step; undefined until two undisturbed steps were seen. */
export function secondsPerStep(pace: Pace): number | undefined {
  const sorted = newest(pace.recent).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** Seconds from `now` until step `steps` is done, never negative; undefined while it is unknown. */
export function secondsLeft(pace: Pace, steps: number, now: number): number | undefined {
  const each = secondsPerStep(pace);
  if (each === undefined || pace.last === null) return undefined;
  const covered = pace.extraStep - pace.from;
  const budget = covered > 0 ? pace.extra / covered : 0;
  const left = Math.max(0, steps - pace.last.step) * (each + budget);
  return Math.max(0, left - Math.max(0, now - pace.last.t));
}

function push(recent: Recent | null, seconds: number): Recent {
  if ((recent?.length ?? 0) < 2 * RECENT) return { seconds, older: recent, length: (recent?.length ?? 0) + 1 };
  return [...newest(recent).reverse(), seconds].reduce<Recent | null>(
    (older, value) => ({ seconds: value, older, length: (older?.length ?? 0) + 1 }),
    null,
  ) as Recent;
}

function newest(recent: Recent | null): number[] {
  const values: number[] = [];
  for (let cell = recent; cell !== null && values.length < RECENT; cell = cell.older) values.push(cell.seconds);
  return values;
}
