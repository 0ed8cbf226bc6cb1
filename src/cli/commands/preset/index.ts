/** `preset [ACTION] [WHAT...]`: loads the module of the action. */
import { UsageError } from '../../../base/errors.ts';
import { nearest } from '../../../base/nearest.ts';
import type { CommandRun } from '../../shell/context.ts';

const actions: Readonly<Record<string, () => Promise<{ run: CommandRun }>>> = {
  list: () => import('./list.ts'),
  save: () => import('./save.ts'),
  show: () => import('./show.ts'),
  diff: () => import('./diff.ts'),
  rm: () => import('./rm.ts'),
};

export const run: CommandRun = async ([action = 'list', ...what], options, context) => {
  const load = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (load === undefined)
    throw new UsageError(`There is no preset ${action}.`, {
      id: 'command/wrong',
      nextSteps: [
        `visiontrain preset ${nearest(action, Object.keys(actions)) ?? 'list'}`,
        `Actions: ${Object.keys(actions).join(', ')}`,
      ],
    });
  return (await load()).run(what, options, context);
};
