/** The section `logging` of run.yaml: what is written for other programs to show. Nothing in it changes what is trained. */
import { z } from 'zod';
import { count, doc, line, part } from '../training/doc.ts';

const trackerSchema = z.strictObject({
  to: part(z.enum(['wandb', 'trackio']), 'wandb (Weights & Biases) or trackio.'),
  project: part(line(128).min(1).default('visiontrain'), 'The project that the run belongs to there.'),
  mode: part(
    z.enum(['online', 'offline']).default('online'),
    'offline sends nothing: wandb writes into the run folder, trackio into its database on this machine.',
  ),
  space: part(
    line(200)
      .regex(/^[\w.-]+\/[\w.-]+$/, 'looks like name/space')
      .nullable()
      .default(null),
    'trackio: the Space of Hugging Face that shows it; null is this machine only.',
  ),
});
export type TrackerSpec = z.output<typeof trackerSchema>;

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
  trackers: doc(
    z.array(trackerSchema).max(4).default([]),
    'Services that are handed the same values, each by a process of its own that cannot hurt the run.',
    'When your other runs are there: [{to: wandb, project: foxes}].',
  ),
});

export type LoggingSpec = z.output<typeof loggingSchema>;
