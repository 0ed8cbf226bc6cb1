/** Decides which hook an event of a run triggers. Pure. */

import type { HookName } from '../../spec/sections/hooks.ts';
import type { RunEvent } from '../events/schema.ts';

export interface HookEvents {
  /** The hook that this event triggers; undefined for most events. */
  of(event: RunEvent): HookName | undefined;
}

/** Types of events after which the trainer can wait, each with the hook that it waits for. */
export const waitable = {
  checkpoint: 'on_checkpoint',
  validation: 'on_validation',
  sample: 'on_sample',
  saved: 'on_save',
  output: 'on_save',
} as const satisfies Partial<Record<RunEvent['type'], HookName>>;

export function hookEvents(): HookEvents {
  let fetched = false;
  return {
    of(event) {
      switch (event.type) {
        case 'run':
          fetched = false;
          return 'on_start';
        case 'progress':
          if (event.phase === 'download' && event.done > 0) fetched = true;
          return undefined;
        case 'phase': {
          const over = fetched && event.phase !== 'download';
          if (over) fetched = false;
          return over ? 'on_download' : undefined;
        }
        case 'exit':
          return event.status === 'finished' ? 'on_finish' : event.status === 'failed' ? 'on_failure' : undefined;
        case 'checkpoint':
        case 'validation':
        case 'sample':
        case 'saved':
        case 'output':
          return waitable[event.type];
        default:
          return undefined;
      }
    },
  };
}
