/** Calls our own program on a box: one request as JSON on its stdin, one line of JSON as the answer. */
import { z } from 'zod';
import { neutralise } from '../../base/text.ts';
import { BoxError } from './faults.ts';
import { type FarProgram, farCommand } from './program.ts';
import { type BoxLine, type FarAnswer, overBreaks, runThere } from './ssh.ts';

/** A request to our program on a box, which `serve.ts` there reads. */
export type FarRequest = Readonly<Record<string, unknown>> & { readonly do: FarAction };
export type FarAction = 'missing' | 'take' | 'plant' | 'start' | 'manifest';

export interface BoxAccess extends FarProgram {
  readonly line: BoxLine;
}

const errorSchema = z.object({
  error: z.object({
    id: z.string(),
    message: z.string(),
    details: z.array(z.string()).default([]),
    next_steps: z.array(z.string()).default([]),
  }),
});

/** Milliseconds for hashing a large checkpoint, or making a run, on a box. */
const LIMIT = 3_600_000;

/**
 * Sends a request.
 * @throws BoxError with the message of the box when it could not be done
 */
export async function askFar<T>(far: BoxAccess, request: FarRequest, answer: z.ZodType<T>): Promise<T> {
  const input = `${JSON.stringify({ ...request, sent: far.sent })}\n`;
  const words = farCommand(far, ['hosts', 'serve', '--json']);
  return overBreaks(far.line, async () => {
    const got = await runThere(far.line, words, { input, limit: LIMIT, heard: far.line.heard });
    return readAnswer(far, got, answer);
  });
}

/** The answer in the last line that is a document, since a login may print something before it. */
function readAnswer<T>({ line: { box } }: BoxAccess, { stdout, stderr, code }: FarAnswer, answer: z.ZodType<T>): T {
  const document = lastDocument(stdout);
  const failed = errorSchema.safeParse(document);
  if (failed.success) {
    const { message, details, next_steps: nextSteps } = failed.data.error;
    throw new BoxError(`${box.name}: ${neutralise(message)}`, {
      id: 'box/program',
      details: details.map(neutralise),
      nextSteps: nextSteps.map(neutralise),
    });
  }
  const read = answer.safeParse(document);
  if (read.success && code === 0) return read.data;
  const last = `${stderr}\n${stdout}`.trim().split('\n').slice(-3).map(neutralise);
  throw new BoxError(`${box.name} answered something that cannot be understood.`, {
    id: 'box/program',
    details: last,
    nextSteps: [`visiontrain hosts check ${box.name}`],
  });
}

function lastDocument(text: string): unknown {
  const end = text.lastIndexOf('}');
  for (let at = 0; at <= end; ) {
    const start = text.indexOf('{', at);
    if (start < 0) return undefined;
    if (start === 0 || text[start - 1] === '\n')
      try {
        return JSON.parse(text.slice(start, end + 1));
      } catch {
        // This line only looked like the beginning; something else printed it.
      }
    at = start + 1;
  }
  return undefined;
}
