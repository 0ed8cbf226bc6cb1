/**
 * The section `validation` of run.yaml: when the loss on images kept out of training is measured, and what follows
 * from it.
 */
import { z } from 'zod';
import { count, doc, line } from '../training/doc.ts';
import { CADENCE } from './cadence.ts';
import { stepsOr } from './steps.ts';

export const validationSchema = z.strictObject({
  path: doc(
    line(4096).min(1).nullable().default(null),
    'Folder with pictures, and captions beside them, to measure the loss on; relative to this file. null: dataset.validation_share of the data set. With a folder, all pictures of the data set are trained on.',
    'When the data set is too small to spare any, or when other trainings are to be compared on the same pictures.',
  ),
  every: doc(
    stepsOr(1, CADENCE, '1 epoch', '30m').nullable().default(null),
    'Measure that loss each this many steps, or as in "1 epoch" and "30m" (minutes), besides at each checkpoint; null: at checkpoints only.',
    'For a finer curve than checkpoints give, and for patience.',
    'steps',
  ),
  images: doc(
    count(0, 1000).nullable().default(null),
    'On how many pictures that are trained on the loss is measured before and after, to find those never learned and those known by heart; null: as many as take a twentieth of the time of the run; 0: none.',
    'All of them, when one of many pictures is suspected.',
    'pictures',
  ),
  judge: doc(
    z.boolean().default(false),
    'Compare the checkpoints when the run is finished, as "visiontrain judge --detach" does: apart, once the card is free. A run in the foreground or a batch job is judged before its command ends.',
    'When you will want to know which checkpoint is best.',
  ),
  patience: doc(
    count(3, 100).nullable().default(null),
    'End the run when over this many validations the loss is higher than it was, by more than chance explains; null: never.',
    'Only where that loss tells what you want: it is no measure of beauty.',
    'validations',
  ),
  min_change: doc(
    z.number().min(1).max(100).default(4),
    'By how many of its standard errors the loss must have risen to end the run. The error is that of the differences, picture by picture, at the same noise, and of the wavering of all pictures together.',
    'Lower ends sooner, and more often for nothing: 4 does in fewer than 1 of 20 runs, also where a wavering lasts for many validations.',
    'errors',
  ),
});
