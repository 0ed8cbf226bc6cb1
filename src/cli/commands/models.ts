import { UsageError } from '../../engine/errors.ts';
import { nearest } from '../../engine/nearest.ts';
import type { CommandRun } from '../context.ts';

const actions: Readonly<Record<string, () => Promise<{ run: CommandRun }>>> = {
  list: () => import('../models/list.ts'),
  info: () => import('../models/info.ts'),
  pull: () => import('../models/pull.ts'),
  verify: () => import('../models/verify.ts'),
  add: () => import('../models/add.ts'),
  rm: () => import('../models/rm.ts'),
  check: () => import('../models/check.ts'),
};

/** `models ACTION …`: the registry, and what of it is on this machine. */
export const run: CommandRun = async ([action = 'list', ...rest], options, context) => {
  const load = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (load === undefined) {
    const near = nearest(action, Object.keys(actions));
    throw new UsageError(`There is no visiontrain models ${action}.`, {
      nextSteps: [
        ...(near === undefined ? [] : [`Did you mean visiontrain models ${near}?`]),
        `Actions: ${Object.keys(actions).join(', ')}`,
      ],
    });
  }
  const { run: act } = await load();
  return act(rest, options, context);
};
