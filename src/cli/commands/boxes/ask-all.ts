/** Asks every box the same question in parallel. A box that cannot be reached has an error in place of an answer. */
import { VisiontrainError } from '../../../base/errors.ts';
import { knownBoxes } from '../../../engine/boxes/known.ts';
import { farCommand } from '../../../engine/boxes/program.ts';
import { runThere } from '../../../engine/boxes/ssh.ts';
import type { Context } from '../../shell/context.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import { connect } from './connect.ts';

export interface BoxAnswer<T> {
  readonly box: string;
  /** Undefined where there is an error. */
  readonly answer: T | undefined;
  readonly error: VisiontrainError | undefined;
}

/** Milliseconds after which a silent box is given up. */
const LIMIT = 60_000;

/**
 * Asks all boxes.
 * @param read makes the answer from a box's output; it throws for output that it does not understand
 */
export async function askBoxes<T>(
  words: readonly string[],
  read: (printed: string) => T,
  context: Context,
): Promise<BoxAnswer<T>[]> {
  const stop = stopSignals();
  const quiet = { ...context, flags: { ...context.flags, json: true } };
  const ask = async (box: ReturnType<typeof knownBoxes>[number]): Promise<BoxAnswer<T>> => {
    try {
      const far = await connect(box, quiet, { signal: stop.signal, tries: 0 });
      const { stdout } = await runThere(far.line, farCommand(far, words), { limit: LIMIT });
      return { box: box.name, answer: read(stdout), error: undefined };
    } catch (error) {
      if (!(error instanceof VisiontrainError) || stop.signal.aborted) throw error;
      return { box: box.name, answer: undefined, error };
    }
  };
  return Promise.all(knownBoxes(context.places.config).map(ask)).finally(stop.off);
}
