/** `queue [ACTION] [WHAT...]`: loads the module of the action. */
import { UsageError } from '../../../base/errors.ts';
import { nearest } from '../../../base/nearest.ts';
import type { CommandRun } from '../../shell/context.ts';

const actions: Readonly<Record<string, () => Promise<{ run: CommandRun }>>> = {
  add: () => import('./add.ts'),
  hold: () => import('./hold.ts'),
  list: () => import('./list.ts'),
  move: () => import('./move.ts'),
  release: () => import('./release.ts'),
  remove: () => import('./remove.ts'),
  run: () => import('./go.ts'),
};

export const run: CommandRun = async ([action = 'list', ...what], options, context) => {
  const load = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (load === undefined)
    throw new UsageError(`There is no queue ${action}.`, {
      id: 'command/wrong',
      nextSteps: [
        `visiontrain queue ${nearest(action, Object.keys(actions)) ?? 'list'}`,
        `Actions: ${Object.keys(actions).join(', ')}`,
      ],
    });
  return (await load()).run(what, options, context);
};
