/** `hosts [ACTION] [WHAT...]`: loads the module of the action. */
import { UsageError } from '../../../base/errors.ts';
import { nearest } from '../../../base/nearest.ts';
import type { CommandRun } from '../../shell/context.ts';

const actions: Readonly<Record<string, () => Promise<{ run: CommandRun }>>> = {
  add: () => import('./add.ts'),
  list: () => import('./list.ts'),
  remove: () => import('./remove.ts'),
  check: () => import('./check.ts'),
  // Used by visiontrain on another machine, not by people.
  serve: () => import('./serve.ts'),
};

export const run: CommandRun = async ([action = 'list', ...what], options, context) => {
  const load = Object.hasOwn(actions, action) ? actions[action] : undefined;
  const names = Object.keys(actions).filter((name) => name !== 'serve');
  if (load === undefined)
    throw new UsageError(`There is no hosts ${action}.`, {
      id: 'command/wrong',
      nextSteps: [`visiontrain hosts ${nearest(action, names) ?? 'list'}`, `Actions: ${names.join(', ')}`],
    });
  return (await load()).run(what, options, context);
};
