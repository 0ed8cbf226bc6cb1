/** Checks that the data set of a run is still the one that it was trained on. */
import { join } from 'node:path';
import { UsageError } from '../../../base/errors.ts';
import { plural } from '../../../base/text.ts';
import { shellWord } from '../../../base/typed-path.ts';
import { dataChanges } from '../../../engine/plan/changes.ts';
import type { Plan } from '../../../engine/plan/schema.ts';
import type { PreparedRun } from '../../../engine/prepare/prepare.ts';
import { RUN_FILES } from '../../../engine/run-folder/layout.ts';
import type { RunRef } from '../../../engine/runs/create.ts';

/** Most changes that are named. */
const MOST_NAMED = 20;

/**
 * Refuses when images or captions have changed: they would give other bytes in any case, and nobody should wait for a
 * training to find that out.
 * @param consequence words behind a colon
 */
export function refuseChangedData(
  { name, dir }: RunRef,
  then: Plan,
  { plan, leftOut }: PreparedRun,
  consequence: string,
): void {
  const changes = dataChanges(then.data.images, plan.data.images, plan.output.metadata === 'full');
  if (changes.length === 0) return;
  const more = changes.length - MOST_NAMED;
  const spec = join(dir, RUN_FILES.spec);
  const unread = leftOut.filter((line) => changes.some(({ kind, path }) => kind === 'gone' && line.startsWith(path)));
  throw new UsageError(
    `The data set of ${name} is not the one it was trained on (${plural(changes.length, 'difference')}): ${consequence}.`,
    {
      id: 'dataset/changed',
      details: [
        `In ${plan.data.root}:`,
        ...changes.slice(0, MOST_NAMED).map(({ path, what }) => `  ${path} ${what}`),
        ...(more > 0 ? [`  and ${more} more`] : []),
        ...unread.map((line) => `  ${line}`),
      ],
      nextSteps: [
        'Put the pictures and captions back as they were, then do the same again.',
        `Or train on what is there now: visiontrain run ${shellWord(spec)}`,
      ],
    },
  );
}
