/** The section `logging` of run.yaml: what is written for other programs to show. Nothing in it changes what is trained. */
import { z } from 'zod';
import { count, doc } from '../training/doc.ts';

export const loggingSchema = z.strictObject({
  every: doc(
    count(1, 100_000).default(1),
    'Steps from one logged value to the next; a value stands for all steps since the last.',
    'Long runs, whose curves need no point for each step. events.jsonl keeps every step.',
    'steps',
  ),
  tensorboard: doc(
    z.boolean().default(true),
    'Write event files for TensorBoard into the folder tensorboard of the run.',
    'Off where nobody looks at curves.',
  ),
  images: doc(
    z.boolean().default(true),
    'Put the sample pictures into them too.',
    'Off where samples must not be seen by whoever sees the curves.',
  ),
  prometheus: doc(
    z.boolean().default(false),
    'Keep the newest values in metrics.prom of the run, as text for Prometheus.',
    'When your machines are watched by Prometheus.',
  ),
});

export type LoggingSpec = z.output<typeof loggingSchema>;
