/**
 * Every error that a person can meet, by its id: what it is, why it comes, what to do. `visiontrain explain ID` prints an
 * entry, `npm run docs` makes docs/reference/errors.md of all. An error that is thrown names its id (`errors.ts`), and so
 * does one that the trainer raises.
 */
import { boxErrors } from './error-entries/boxes.ts';
import { commandErrors } from './error-entries/command.ts';
import { fileErrors } from './error-entries/files.ts';
import { machineErrors } from './error-entries/machine.ts';
import { modelErrors } from './error-entries/models.ts';
import { runErrors } from './error-entries/runs.ts';
import { sharingErrors } from './error-entries/sharing.ts';
import { slurmErrors } from './error-entries/slurm.ts';

export const errorCatalogue = {
  ...commandErrors,
  ...fileErrors,
  ...runErrors,
  ...machineErrors,
  ...modelErrors,
  ...boxErrors,
  ...sharingErrors,
  ...slurmErrors,
} as const;

export type ErrorId = keyof typeof errorCatalogue;

/** Whether a text from another program, such as the trainer, is an id of the catalogue. */
export const isErrorId = (text: string): text is ErrorId => Object.hasOwn(errorCatalogue, text);
