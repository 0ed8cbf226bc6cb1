/**
 * The words of other trainers, each with its name here: sd-scripts, kohya_ss, OneTrainer, ai-toolkit, SimpleTuner,
 * diffusers' scripts. This file is data only; `foreign.ts` makes the messages. Names are compared in lower case, with
 * `_` for `-`.
 */
import { dataWords } from './data.ts';
import { runWords } from './run.ts';
import { trainingWords } from './training.ts';
import type { ForeignWord } from './word.ts';

export const foreignWords: readonly ForeignWord[] = [...dataWords, ...trainingWords, ...runWords];
