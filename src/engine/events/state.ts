import { reduceAll } from './reducer.ts';
import { initialState, type RunState } from './run-state.ts';
import { readEvents } from './tail.ts';

/**
 * The state of a run from all its events so far.
 * @throws ForeignFileError when events.jsonl is no plain file
 */
export function readState(runDir: string): RunState {
  let state = initialState;
  for (const events of readEvents(runDir)) state = reduceAll(state, events);
  return state;
}
