import { EXIT } from '../../../base/errors.ts';
import { advanceQueue } from '../../../engine/queue/advance.ts';
import { startRun } from '../../../engine/runs/start.ts';
import type { CommandRun } from '../../shell/context.ts';
import { settleSweeps } from '../sweep/settle.ts';
import { showQueue } from './list.ts';

/** Value of VISIONTRAIN_QUEUE with which a supervisor calls this command after a run of a sweep. */
const AFTER = 'after';

/** Starts the first waiting run for each free card; each run that ends starts the next one. */
export const run: CommandRun = async (_what, _options, context) => {
  const { places, env } = context;
  await settleSweeps(env.VISIONTRAIN_QUEUE !== AFTER, context);
  const { started, waiting } = await advanceQueue(places.runs, (ref) =>
    startRun(ref, { ...env, VISIONTRAIN_QUEUE: undefined }),
  );
  showQueue(waiting, started, context);
  return EXIT.ok;
};
