/** `dataset ACTION FOLDER`: loads the module of the action. */
import { UsageError } from '../../../base/errors.ts';
import { nearest } from '../../../base/nearest.ts';
import type { CommandRun } from '../../shell/context.ts';

const actions: Readonly<Record<string, () => Promise<{ run: CommandRun }>>> = {
  check: () => import('./check.ts'),
  caption: () => import('./caption.ts'),
  mask: () => import('./mask.ts'),
  tags: () => import('./tags.ts'),
};

/** Actions on existing captions: `dataset caption edit FOLDER`. */
const edits = new Set(['edit', 'undo', 'versions'] as const);
type Edit = 'edit' | 'undo' | 'versions';

export const run: CommandRun = async ([action, folder, ...more], options, context) => {
  // A folder may be named `edit`: when it is the only word, its images are captioned.
  if (action === 'caption' && edits.has(folder as Edit) && more.length > 0 && more.length < 3)
    return (await import('./edit-captions.ts'))[folder as Edit](more, options, context);
  const load = Object.hasOwn(actions, action ?? '') ? actions[action ?? ''] : undefined;
  if (load === undefined) {
    const meant = nearest(action ?? '', Object.keys(actions)) ?? 'check';
    throw new UsageError(`There is no dataset ${action ?? 'command without a name'}.`, {
      id: 'command/wrong',
      nextSteps: [`visiontrain dataset ${meant} FOLDER`, `Actions: ${Object.keys(actions).join(', ')}`],
    });
  }
  if (folder === undefined || more.length > 0)
    throw new UsageError('Which folder?', { id: 'dataset/which', nextSteps: [`visiontrain dataset ${action} FOLDER`] });
  return (await load()).run([folder], options, context);
};
