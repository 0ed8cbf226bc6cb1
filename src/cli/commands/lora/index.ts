import { UsageError } from '../../../base/errors.ts';
import { nearest } from '../../../base/nearest.ts';
import type { CommandRun } from '../../shell/context.ts';

const actions: Readonly<Record<string, () => Promise<{ run: CommandRun }>>> = {
  inspect: () => import('./inspect.ts'),
  check: () => import('./check.ts'),
  diff: () => import('./diff.ts'),
  edit: () => import('./edit.ts'),
  resize: async () => ({ run: (await import('./make.ts')).resizeLora }),
  merge: async () => ({ run: (await import('./make.ts')).mergeLoras }),
  convert: async () => ({ run: (await import('./make.ts')).convertLora }),
};

/** Carries out `lora ACTION FILE…`: inspects LoRA files of any trainer, and makes files from them. */
export const run: CommandRun = async ([action = '', ...rest], options, context) => {
  const load = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (load === undefined) {
    const near = nearest(action, Object.keys(actions));
    throw new UsageError(`There is no visiontrain lora ${action}.`, {
      id: 'command/wrong',
      nextSteps: [
        ...(near === undefined ? [] : [`Did you mean visiontrain lora ${near}?`]),
        `Actions: ${Object.keys(actions).join(', ')}`,
      ],
    });
  }
  const { run: act } = await load();
  return act(rest, options, context);
};
