/** Carries out `queue list --all`: lists the waiting runs of other machines. */
import { z } from 'zod';
import type { Context } from '../../shell/context.ts';
import { askBoxes, type BoxAnswer } from './ask-all.ts';

const queueSchema = z.looseObject({
  waiting: z.array(
    z.looseObject({
      ...{ run: z.string(), device: z.string(), problem: z.string().nullable(), held: z.boolean() },
      after: z.string().nullable(),
      // Boxes with an older version of the program leave it out.
      state: z.string().optional(),
    }),
  ),
});

export interface FarEntry {
  /** Name as `box:run`, which every command accepts. */
  readonly run: string;
  readonly device: string;
  readonly problem: string | null;
  readonly held: boolean;
  readonly after: string | null;
  /** Why it is not started yet, in words. */
  readonly state: string;
}

/** The queue of every box. */
export async function farQueues(context: Context): Promise<BoxAnswer<readonly FarEntry[]>[]> {
  const answers = await askBoxes(['queue', 'list', '--json'], (text) => queueSchema.parse(JSON.parse(text)), context);
  return answers.map(({ box, answer, error }) => ({
    ...{ box, error },
    answer: answer?.waiting.map(({ run, device, problem, held, after, state }) => ({
      ...{ run: `${box}:${run}`, device, problem, held, after },
      state: state ?? (held ? 'held back' : problem === null ? 'waits' : `cannot start: ${problem}`),
    })),
  }));
}
