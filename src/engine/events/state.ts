import { initialState, type RunState, reduceAll } from './reducer.ts';
import { readEvents } from './tail.ts';

/** The state of a run from all its events so far. Throws ForeignFileError when they are no plain file. */
export function readState(runDir: string): RunState {
  let state = initialState;
  for (const events of readEvents(runDir)) state = reduceAll(state, events);
  return state;
}
