/** The state of a run at one moment, which `reducer.ts` computes from its events. Pure. */
import { emptyPace, type Pace } from './pace.ts';
import type { Payload } from './schema.ts';
import { emptySeries, type Series } from './series.ts';

export type PhaseName = Payload<'phase'>['phase'];
/** An event's payload with the time of the event, in seconds since 1970. */
export type Stamped<T> = T & { readonly t: number };

export interface PhaseState {
  readonly phase: PhaseName;
  readonly detail: string | undefined;
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  /** Latest progress of each item (a file, a package list). The key is the item's name, or '' for the phase itself. */
  readonly items: Readonly<Record<string, Stamped<Payload<'progress'>>>>;
}

export interface RunState {
  readonly name: string;
  /** Number of the attempt, counted from 1; each resume is a further attempt. */
  readonly attempt: number;
  readonly host: string;
  /** The planned device. */
  readonly device: string | undefined;
  readonly version: string;
  /** Optimiser steps of the whole run. */
  readonly steps: number;
  /** Seconds since 1970: the start of the first attempt, the start of this attempt, and the newest event. */
  readonly startedAt: number | undefined;
  readonly attemptStartedAt: number | undefined;
  readonly lastEventAt: number | undefined;
  /** Seconds that earlier attempts took, each to its last event. */
  readonly earlierSeconds: number;
  readonly lastSeq: number;
  /** Phases of this attempt in order; the last one is the current one. */
  readonly phases: readonly PhaseState[];
  /** Optimiser steps that are done. */
  readonly step: number;
  /** The step at which this attempt started to train; undefined before. */
  readonly startStep: number | undefined;
  readonly batchesPerEpoch: number | undefined;
  /** The newest step event. */
  readonly latest: Stamped<Payload<'step'>> | undefined;
  /** Exponential mean of the loss over about 20 steps. */
  readonly smoothedLoss: number | undefined;
  readonly peakMemory: number | undefined;
  readonly loss: Series;
  readonly lr: Series;
  readonly validation: Series;
  readonly latestValidation: Stamped<Payload<'validation'>> | undefined;
  /** Numbers that hooks reported, the newest last. */
  readonly metrics: readonly Stamped<Payload<'metric'>>[];
  readonly pace: Pace;
  readonly active: Payload<'active'>['facts'];
  /**
   * The newest come last, and at most KEPT are kept. Samples of the base model are all kept, since later ones are
   * compared with them.
   */
  readonly notes: readonly Stamped<Payload<'note'>>[];
  readonly checkpoints: readonly Stamped<Payload<'checkpoint'>>[];
  /** Intermediate LoRA files, without those that were removed again. */
  readonly saved: readonly Stamped<Payload<'saved'>>[];
  readonly samples: readonly Stamped<Payload<'sample'>>[];
  readonly bestStep: number | undefined;
  readonly outputs: readonly Payload<'output'>[];
  /** The result of the trial steps before the first step. */
  readonly probe: Payload<'probe'> | undefined;
  readonly learned: Payload<'learned'> | undefined;
  readonly imageLosses: Payload<'image_losses'> | undefined;
  /** How this attempt ended, as the trainer and (below) the supervisor reported it. */
  readonly result: Payload<'result'> | undefined;
  readonly exit: Payload<'exit'> | undefined;
}

export const initialState: RunState = {
  name: '',
  attempt: 0,
  host: '',
  device: undefined,
  version: '',
  steps: 0,
  startedAt: undefined,
  attemptStartedAt: undefined,
  lastEventAt: undefined,
  earlierSeconds: 0,
  lastSeq: 0,
  phases: [],
  step: 0,
  startStep: undefined,
  batchesPerEpoch: undefined,
  latest: undefined,
  smoothedLoss: undefined,
  peakMemory: undefined,
  loss: emptySeries,
  lr: emptySeries,
  validation: emptySeries,
  latestValidation: undefined,
  metrics: [],
  pace: emptyPace,
  active: {},
  notes: [],
  checkpoints: [],
  saved: [],
  samples: [],
  bestStep: undefined,
  outputs: [],
  probe: undefined,
  learned: undefined,
  imageLosses: undefined,
  result: undefined,
  exit: undefined,
};

/** The current phase; undefined before the first. */
export const currentPhase = (state: RunState): PhaseState | undefined =>
  state.exit === undefined ? state.phases.at(-1) : undefined;

/** Seconds that a run has taken, without the time between its attempts; undefined before its first event. */
export function workedSeconds(state: RunState): number | undefined {
  const { attemptStartedAt, lastEventAt, earlierSeconds } = state;
  if (attemptStartedAt === undefined || lastEventAt === undefined) return undefined;
  // A clock that was set back must not make the time negative.
  return earlierSeconds + Math.max(0, lastEventAt - attemptStartedAt);
}
