import type { Payload } from './schema.ts';

/** What the supervisor hands to a step before the trainer. */
export interface StepTools {
  /** Aborts when the run is to stop. The step must then leave nothing half-made, and throw. */
  readonly signal: AbortSignal;
  /** Announces the phase. A step that finds nothing to do does not call it. */
  readonly phase: (detail?: string) => void;
  readonly progress: (progress: Omit<Payload<'progress'>, 'phase'>) => void;
  readonly note: (note: Payload<'note'>) => void;
}
