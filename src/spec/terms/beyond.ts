/** Terms for many runs, and for what goes on beside a run. */
import type { Term } from './term.ts';

export const beyondTerms: readonly Term[] = [
  {
    term: 'hook',
    also: ['hooks', 'callback', 'callbacks', 'must'],
    group: 'The machine',
    text: 'A command of yours that is run when something happens in a run, such as an upload at the end. It gets the event as JSON, may answer with numbers, and changes nothing of what is trained. Hooks in a file from somebody else are run only after your yes.',
    keys: ['hooks.on_start', 'hooks.on_checkpoint', 'hooks.on_validation', 'hooks.on_finish', 'hooks.on_failure'],
  },
  {
    term: 'notice',
    also: ['notices', 'notify', 'web hook', 'webhook'],
    group: 'The machine',
    text: 'How you are told that a run is over, without watching it: a bell, a message on the desktop, on your phone by ntfy, in Discord or Slack. It is a setting of yours and not of a run: visiontrain notify shows it.',
  },
  {
    term: 'TensorBoard',
    also: ['tensorboard', 'event files', 'logging', 'prometheus'],
    group: 'Looking at the result',
    text: 'A program that shows the curves of many runs beside each other in a browser. Each run writes the files it reads, under the names that sd-scripts uses.',
    keys: ['logging.tensorboard', 'logging.every', 'logging.images', 'logging.prometheus'],
  },
  {
    term: 'queue',
    also: ['queued'],
    group: 'The machine',
    text: 'Runs that wait for a card. Each run that ends starts the next one, so that five can be trained in a night. A run is checked when it is added, and what fails holds up nothing behind it.',
  },
  {
    term: 'sweep',
    also: ['grid search', 'random search'],
    group: 'The machine',
    text: 'The same training with several values of a setting, such as three learning rates, to see which is best. All have the same seed, so that they differ by that setting alone.',
  },
];
