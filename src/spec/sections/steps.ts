/** Keys that are a number of steps, or a text with a unit. */
import { z } from 'zod';
import { count } from '../training/doc.ts';
import { CADENCE } from './cadence.ts';

/** The schema of a number of steps, or of a text with a unit that `cadence.ts` reads. */
export const stepsOr = (least: number, pattern: RegExp, ...examples: readonly string[]) =>
  z.union([
    count(least, 10_000_000),
    z
      .string()
      .regex(pattern, `a text such as ${examples.join(' or ')}`)
      .meta({ examples: [...examples] }),
  ]);
export const every = () => stepsOr(0, CADENCE, '2 epochs', '30m');
