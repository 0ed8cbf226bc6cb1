import type { Payload } from './schema.ts';

/** What a step before the trainer is handed. */
export interface StepTools {
  /** Aborts when the run is to stop: leave nothing half-made and throw. */
  readonly signal: AbortSignal;
  /** Announces the phase; a step that finds nothing to do stays silent. */
  readonly phase: (detail?: string) => void;
  readonly progress: (progress: Omit<Payload<'progress'>, 'phase'>) => void;
  readonly note: (note: Payload<'note'>) => void;
}
