/** Appends the supervisor's own events to events.jsonl. */
import type { EventType, Payload } from '../events/schema.ts';
import type { StepTools } from '../events/step-tools.ts';
import { openEventWriter } from '../events/writer.ts';

export function stepTools(dir: string, phase: 'environment' | 'download' | 'captions', signal: AbortSignal): StepTools {
  return {
    signal,
    phase: (detail) => tryEmit(dir, 'phase', { phase, ...(detail === undefined ? {} : { detail }) }),
    progress: (progress) => tryEmit(dir, 'progress', { ...progress, phase }),
    note: (note) => tryEmit(dir, 'note', note),
  };
}

/**
 * Appends an event. The file is opened for each event, because the trainer writes to it in between.
 * @throws the disk's error
 */
export function emit<T extends EventType>(dir: string, type: T, payload: Payload<T>): void {
  const writer = openEventWriter(dir);
  try {
    writer.write(type, payload);
  } finally {
    writer.close();
  }
}

/**
 * As `emit`, but ignores errors: for timers and the end, where nobody catches them. A full disk ends the step through
 * its own writes, which are caught.
 */
export function tryEmit<T extends EventType>(dir: string, type: T, payload: Payload<T>): void {
  try {
    emit(dir, type, payload);
  } catch {
    // The step continues whether the event was written or not.
  }
}
