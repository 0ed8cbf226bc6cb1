import { UsageError } from '../../../base/errors.ts';
import { nearest } from '../../../base/nearest.ts';
import type { CommandRun } from '../../shell/context.ts';

const actions: Readonly<Record<string, () => Promise<{ run: CommandRun }>>> = {
  list: () => import('./list.ts'),
  info: () => import('./info.ts'),
  pull: () => import('./pull.ts'),
  verify: () => import('./verify.ts'),
  add: () => import('./add.ts'),
  rm: () => import('./rm.ts'),
  check: () => import('./check.ts'),
};

/** Carries out `models ACTION …`: the registry, and which of its files are on this machine. */
export const run: CommandRun = async ([action = 'list', ...rest], options, context) => {
  const load = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (load === undefined) {
    const near = nearest(action, Object.keys(actions));
    throw new UsageError(`There is no visiontrain models ${action}.`, {
      id: 'command/wrong',
      nextSteps: [
        ...(near === undefined ? [] : [`Did you mean visiontrain models ${near}?`]),
        `Actions: ${Object.keys(actions).join(', ')}`,
      ],
    });
  }
  const { run: act } = await load();
  return act(rest, options, context);
};
