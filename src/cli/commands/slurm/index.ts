/** `slurm job RUN` and `slurm node RUN`: loads the module of the action. */
import { UsageError } from '../../../base/errors.ts';
import type { CommandRun } from '../../shell/context.ts';

const actions: Readonly<Record<string, () => Promise<{ run: CommandRun }>>> = {
  job: () => import('./job.ts'),
  node: () => import('./node.ts'),
};

export const run: CommandRun = async ([action = '', ...what], options, context) => {
  const load = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (load === undefined)
    throw new UsageError(`There is no slurm ${action}.`, {
      id: 'command/wrong',
      nextSteps: ['visiontrain run run.yaml --on slurm   submits a job'],
    });
  return (await load()).run(what, options, context);
};
