import { join } from 'node:path';
import { UsageError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { issueWords } from '../../base/issue-words.ts';
import { withLaterKeys } from '../plan/older.ts';
import { type Plan, planSchema } from '../plan/schema.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { readPlanJson } from '../run-folder/run-files.ts';

/**
 * Reads and checks plan.json. The folder may come from somebody else, or from another version, whose plan gets the
 * keys that were added later.
 * @throws UsageError that names the wrong key, ForeignFileError when it is no plain file
 */
export function readPlan(dir: string): Plan {
  const path = join(dir, RUN_FILES.plan);
  let json: unknown;
  try {
    json = readPlanJson(dir);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw unusable(path, 'is not JSON', [(error as Error).message], error);
  }
  if (json === undefined) throw unusable(path, 'is not there');
  const checked = planSchema.safeParse(withLaterKeys(json));
  if (checked.success) return checked.data;
  const lines = checked.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}  ${issueWords(issue)}`);
  throw unusable(path, 'is not a plan that this version can train by', lines, checked.error);
}

/**
 * Reads the plan like `readPlan`, and writes it again where it lacks keys. It must be called before the trainer
 * starts, since the trainer accepts only complete plans.
 */
export function settlePlan(dir: string): Plan {
  const plan = readPlan(dir);
  const json = readPlanJson(dir);
  if (withLaterKeys(json) !== json) writeFileAtomic(join(dir, RUN_FILES.plan), `${JSON.stringify(plan, null, 1)}\n`);
  return plan;
}

function unusable(path: string, problem: string, details: readonly string[] = [], cause?: unknown): UsageError {
  return new UsageError(`${path} ${problem}.`, {
    id: 'run/unreadable-plan',
    details,
    nextSteps: [`visiontrain run ${join(path, '..', RUN_FILES.spec)}   makes a new plan, in a new run`],
    cause,
  });
}
