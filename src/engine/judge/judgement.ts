/** The judgement of a run as a file: it is read, written as its table grows, and stopped. */
import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UsageError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import { identify } from '../../base/process/identity.ts';
import type { Plan } from '../plan/schema.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { advise } from './advice.ts';
import { endHolder, holdJudging, holdsJudging } from './holder.ts';
import { JUDGE_VERSION, type Judgement, type JudgeRequest, judgementSchema, MEASURES_VERSION } from './schema.ts';
import { type JudgeWork, runJudge } from './worker.ts';

/** Most bytes of judge.json: a thousand rows have fewer. */
const MOST_BYTES = 1 << 25;

/** The judgement of a run; undefined where there is none that this version understands. */
export function readJudgement(dir: string): Judgement | undefined {
  const bytes = readOurs(join(dir, RUN_FILES.judgement), MOST_BYTES);
  if (bytes === undefined) return undefined;
  try {
    return judgementSchema.safeParse(JSON.parse(bytes.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Whether a live process is working on a judgement. */
export const isJudging = (dir: string, found: Judgement | undefined): boolean =>
  found?.status === 'running' && holdsJudging(dir, RUN_FILES.judgement, found.process);

export interface JudgeInput extends Omit<JudgeWork, 'onRow'> {
  readonly plan: Plan;
  /** Called when the same was judged before, by measures of another version. */
  readonly onOlder?: () => void;
}

/**
 * Judges what is requested, and returns the whole judgement. A complete one for the same request is returned at once;
 * of one that was stopped, or that another version measured, the samples are used again.
 * @throws UsageError while another process judges the run, and the errors of `runJudge`
 */
export async function judgeRun(input: JudgeInput): Promise<Judgement> {
  const { dir, request, plan } = input;
  const before = readJudgement(dir);
  const same = before !== undefined && sameWork(before, request, plan);
  if (isJudging(dir, before)) throw beingJudged();
  const isOlder = same && isOtherMeasure(before);
  if (same && before.status === 'done' && !isOlder) return before;
  if (isOlder) input.onOlder?.();
  if (!same) rmSync(join(dir, RUN_FILES.judgeSamples), { recursive: true, force: true });
  let table: Judgement = {
    version: JUDGE_VERSION,
    status: 'running',
    measures: MEASURES_VERSION,
    measure: request.likeness === null ? 'pixels' : basename(request.likeness),
    spec_sha256: plan.spec_sha256,
    process: identify(process.pid) ?? null,
    request,
    rows: [],
    advice: null,
  };
  const put = (changes: Partial<Judgement>) => {
    table = { ...table, ...changes };
    writeFileAtomic(join(dir, RUN_FILES.judgement), `${JSON.stringify(table, null, 1)}\n`);
  };
  const release = holdJudging(dir, RUN_FILES.judgement);
  try {
    put({});
    await runJudge({
      ...input,
      onRow: (row) => put({ rows: [...table.rows, row] }),
    });
  } catch (error) {
    put({ status: input.signal.aborted ? 'stopped' : 'failed', process: null });
    throw error;
  } finally {
    release();
  }
  put({ status: 'done', process: null, advice: advise(table.rows, request) });
  return table;
}

const sameWork = (before: Judgement, request: JudgeRequest, plan: Plan) =>
  before.spec_sha256 === plan.spec_sha256 && isDeepStrictEqual(before.request, request);

/** Whether another version measured the samples, so that its table cannot be compared with one of this version. */
export const isOtherMeasure = ({ measures }: Judgement): boolean => measures !== MEASURES_VERSION;

/** The error when another process judges the run, or waits to. */
export const beingJudged = () =>
  new UsageError('This run is being judged already.', {
    id: 'judge/busy',
    nextSteps: ['See how far it is: add --show', 'End it: add --stop'],
  });

/** Ends the process that judges the run, and returns whether there was one. Samples that it had drawn are kept. */
export function stopJudging(dir: string): boolean {
  return endHolder(dir, readJudgement(dir)?.process);
}
