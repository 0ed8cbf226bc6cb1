/** Reads the summary of a run from its folder alone, by small reads only, however long the run is. */
import { secondsLeft } from '../events/pace.ts';
import { reduceAll } from '../events/reducer.ts';
import { initialState, type PhaseName, type RunState } from '../events/run-state.ts';
import type { RunEvent } from '../events/schema.ts';
import { parseEventLines } from '../events/tail.ts';
import { isRun, type RunSummary, readAt, summarise, withEvents } from './summary.ts';

const HEAD = 4096;
const TAIL = 1 << 16;

/** Summary of the run in a folder; undefined when the folder is no run. A damaged run has a summary that says so. */
export function inspectRun(dir: string, now = Date.now() / 1000): RunSummary | undefined {
  if (!isRun(dir)) return undefined;
  return summarise(dir, (folder) => {
    const { phases, step, steps, pace, device } = glance(folder);
    return {
      phase: phases.at(-1)?.phase ?? null,
      step,
      steps,
      seconds_left: secondsLeft(pace, steps, now) ?? null,
      device: device ?? null,
    };
  });
}

/**
 * State from the first and the newest events only. That is enough for step, pace and phase, and takes the same time
 * for any run.
 */
function glance(dir: string): RunState {
  return withEvents(dir, initialState, (file, size) => {
    if (size <= HEAD + TAIL) return reduceAll(initialState, parseEventLines(readAt(file, 0, size).toString('utf8')));
    const head = readAt(file, 0, HEAD);
    const tail = readAt(file, size - TAIL, TAIL);
    // The events in between are missing, so the steps of a resumed run may seem to jump. Only the newest ones count.
    const first = parseEventLines(head.toString('utf8')).filter(isIdentity);
    const newest = parseEventLines(tail.toString('utf8'));
    return reduceAll(initialState, [...first, ...phaseBefore(newest), ...newest]);
  });
}

/** The phase that the newest events belong to, when the start of the phase is not among them. */
function phaseBefore(newest: readonly RunEvent[]): RunEvent[] {
  for (const event of newest) {
    const { seq, t } = event;
    if (event.type === 'phase') return [];
    const phase = event.type === 'step' ? 'train' : event.type === 'progress' ? (event.phase as PhaseName) : undefined;
    if (phase !== undefined) return [{ v: 2, seq, t, type: 'phase', phase }];
  }
  return [];
}

const isIdentity = (event: RunEvent): boolean =>
  event.type === 'run' || event.type === 'active' || event.type === 'start' || event.type === 'phase';
