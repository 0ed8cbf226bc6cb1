import { EXIT } from '../../../base/errors.ts';
import { advanceQueue } from '../../../engine/queue/advance.ts';
import { startRun } from '../../../engine/runs/start.ts';
import type { CommandRun } from '../../shell/context.ts';
import { showQueue } from './list.ts';

/** Starts the first run that waits for each card that is free; each run that ends starts the next. */
export const run: CommandRun = async (_what, _options, context) => {
  const { places, env } = context;
  const { started, waiting } = await advanceQueue(places.runs, (ref) => startRun(ref, env));
  showQueue(waiting, started, context);
  return EXIT.ok;
};
