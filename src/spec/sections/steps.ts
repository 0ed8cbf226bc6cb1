/** Keys that count steps, or say the same as a text with a unit. */
import { z } from 'zod';
import { count } from '../training/doc.ts';
import { CADENCE } from './cadence.ts';

/** Steps, or a text with a unit, as `cadence.ts` reads it. */
export const stepsOr = (least: number, pattern: RegExp, ...examples: readonly string[]) =>
  z.union([
    count(least, 10_000_000),
    z
      .string()
      .regex(pattern, `a text such as ${examples.join(' or ')}`)
      .meta({ examples: [...examples] }),
  ]);
export const every = () => stepsOr(0, CADENCE, '2 epochs', '30m');
