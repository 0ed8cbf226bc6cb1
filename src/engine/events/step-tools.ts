import type { Payload } from './schema.ts';

/** What the supervisor passes to a step that runs before the trainer. */
export interface StepTools {
  /** Aborts when the run is to stop. The step must then throw, and leave nothing half-made. */
  readonly signal: AbortSignal;
  /** Announces the phase. A step that finds nothing to do does not call it. */
  readonly phase: (detail?: string) => void;
  readonly progress: (progress: Omit<Payload<'progress'>, 'phase'>) => void;
  readonly note: (note: Payload<'note'>) => void;
}
