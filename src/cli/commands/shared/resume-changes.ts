/** Finds what was changed since a run was planned. A resume does not use such changes. */
import { join } from 'node:path';
import { VisiontrainError } from '../../../base/errors.ts';
import { neutralise, shorten } from '../../../base/text.ts';
import { dataChanges } from '../../../engine/plan/changes.ts';
import type { Plan } from '../../../engine/plan/schema.ts';
import { type SpecChange, sizeChanges, specChanges } from '../../../engine/plan/spec-changes.ts';
import { loadSpec } from '../../../engine/prepare/load.ts';
import { prepareRun } from '../../../engine/prepare/prepare.ts';
import { RUN_FILES } from '../../../engine/run-folder/layout.ts';
import type { RunRef } from '../../../engine/runs/create.ts';
import { readPlan } from '../../../engine/runs/read-plan.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import type { Context } from '../../shell/context.ts';
import { withFolders } from './steps/brought.ts';

/** Most differences that are named; the others are counted. */
const MOST_NAMED = 10;

/** Prints the changes, if there are any. If the comparison fails, the run is resumed nevertheless. */
export async function tellChanges({ dir, name }: RunRef, context: Context): Promise<void> {
  const { places, env, out } = context;
  const spec = join(dir, RUN_FILES.spec);
  try {
    const then = readPlan(dir);
    const registry = loadRegistry({ configDir: places.config });
    const { plan: now } = await prepareRun({
      ...(await withFolders(loadSpec(spec, { registry }), context)),
      registry,
      places,
      env,
      recorded: then,
    });
    const lines = changes(then, now);
    if (lines.length === 0) return;
    out.wrapped(neutralise(`${name} goes on as it was planned. Since then these were changed, and are not taken:`));
    for (const line of lines.slice(0, MOST_NAMED)) out.wrapped(`  ${neutralise(line)}`);
    if (lines.length > MOST_NAMED) out.talk(`  and ${lines.length - MOST_NAMED} more`);
    out.talk(neutralise(`To train with them, start a new run:  visiontrain run ${spec}`));
  } catch (error) {
    if (!(error instanceof VisiontrainError)) throw error;
    out.wrapped(neutralise(`What was changed since ${name} was planned cannot be told: ${error.message}`));
  }
}

function changes(then: Plan, now: Plan): readonly string[] {
  const sizes = sizeChanges(then, now);
  return [
    ...specChanges(then, now).map(specLine),
    ...(sizes === undefined ? [] : [sizes]),
    ...dataChanges(then.data.images, now.data.images, false).map(({ path, what }) => `${path} ${what}`),
  ];
}

const specLine = ({ key, planned, now }: SpecChange): string =>
  `${key} stays ${shown(planned)}; run.yaml now gives ${shown(now)}`;

const shown = (value: unknown) => shorten(JSON.stringify(value) ?? 'nothing', 60);
