/** The section `hooks` of run.yaml: commands of the person's own that are run when something happens. */
import { z } from 'zod';
import { doc, line, part } from '../training/doc.ts';

const command = z.union([line(4096).min(1), z.array(line(4096)).min(1).max(64)]);

const base = {
  run: part(command, 'A line for the shell, or a list: a program and its arguments, which no shell reads.'),
  timeout: part(z.number().int().min(1).max(86_400).default(60), 'Seconds that it may take; then it is ended.'),
};

const hook = z.strictObject(base);
const waitedFor = z.strictObject({
  ...base,
  must: part(z.boolean().default(false), 'Wait for it; if it fails, the run is stopped with a checkpoint.'),
});

const hooks = <T extends z.ZodType>(one: T, when: string, why: string) =>
  doc(z.array(one).max(16).default([]), `Commands that are run ${when}, with the event as JSON on stdin.`, why);

export const hooksSchema = z.strictObject({
  on_start: hooks(waitedFor, 'when the run starts, or goes on', 'To mount a disk, to tell a scheduler.'),
  on_download: hooks(hook, 'when something was fetched', 'To be told that the training begins.'),
  on_checkpoint: hooks(waitedFor, 'after each checkpoint', 'To copy it off a machine that may be taken away.'),
  on_validation: hooks(
    waitedFor,
    'after each validation',
    'To stop by a rule of your own, or to send the loss somewhere; it may answer with metrics.',
  ),
  on_sample: hooks(waitedFor, 'after each sample picture', 'To score it; it may answer with metrics.'),
  on_save: hooks(waitedFor, 'after each LoRA file', 'To copy it to where it is used.'),
  on_finish: hooks(hook, 'when the run is finished', 'To upload the LoRA, or to switch a rented machine off.'),
  on_failure: hooks(hook, 'when the run has failed', 'To switch a rented machine off in that case too.'),
});

export type HookSpecs = z.output<typeof hooksSchema>;
export type HookName = keyof HookSpecs;
