/** Keys of the section `training` that decide how the learning rate changes during the run. */
import { z } from 'zod';
import { count, doc, part, share } from './doc.ts';

export const schedules = [
  'constant',
  'linear',
  'cosine',
  'cosine_with_restarts',
  'polynomial',
  'rex',
  'warmup_stable_decay',
  'inverse_sqrt',
  'one_cycle',
  'piecewise',
] as const;

/** Arguments of schedules. Each belongs to the schedules that its description names. */
export const scheduleArgsSchema = z.strictObject({
  floor: part(share().default(0), 'Least share of the learning rate, for all that fall.'),
  decay: part(share().default(1), 'cosine_with_restarts: the peak of each cycle as a share of the one before.'),
  power: part(z.number().positive().max(10).default(1), 'polynomial: the exponent.'),
  d: part(z.number().positive().lt(1).default(0.9), 'rex: near 1 the rate stays high for longer (the paper has 0.5).'),
  stable: part(share().default(0.7), 'warmup_stable_decay: share of the steps after the warm-up at the full rate.'),
  points: part(
    z
      .array(z.tuple([share(), z.number().min(0).max(100)]))
      .max(64)
      .default([]),
    'piecewise: [share of the run, factor] of each corner, joined by straight lines.',
  ),
});

export const scheduleKeys = {
  schedule: doc(
    z.enum(schedules),
    'How the learning rate goes over the run.',
    'constant when the right length is not known yet; rex keeps it high and falls late.',
  ),
  schedule_args: doc(
    scheduleArgsSchema.nullable().default(null),
    'Numbers of the schedule: its floor, decay, power, d, stable, points; null has the usual ones.',
    'A floor of 0.1 keeps the end of a run learning.',
  ),
  warmup: doc(
    z.union([share().refine((n) => n < 1, 'a share below 1, or whole steps'), count(1, 1_000_000)]),
    'Start from zero over this share (below 1) or number (1 and up) of steps.',
    'Longer for high rates.',
    'share or steps',
  ),
  cycles: doc(
    count(1, 100).default(1),
    'Restarts of cosine_with_restarts.',
    'Three are common in community recipes.',
    'cycles',
  ),
};
