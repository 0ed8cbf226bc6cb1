/** The documents of `hosts …` and `fetch`, as schemas. */
import { z } from 'zod';

const text = z.string();
const count = z.number().int().min(0);

export const boxDocuments = {
  hosts: z
    .strictObject({
      hosts: z.array(
        z.strictObject({
          name: text,
          target: text,
          port: count.nullable(),
          identity: text.nullable(),
          jump: z.array(text),
          home: text.nullable().describe('Folder there; null is the default.'),
        }),
      ),
    })
    .describe('hosts list and remove.'),
  'hosts-check': z
    .strictObject({
      hosts: z.array(
        z.strictObject({
          name: text,
          target: text,
          reached: z.boolean(),
          error: z.strictObject({ id: text, message: text, next_steps: z.array(text) }).nullable(),
          version: text.nullable(),
          fit: z.boolean().nullable().describe('Whether it can train now.'),
          summary: text.nullable(),
        }),
      ),
    })
    .describe('hosts check and add.'),
  fetch: z.strictObject({
    sweeps: z
      .record(text, text.nullable())
      .default({})
      .describe('The comparison of each sweep that these runs are of; null while runs of it are elsewhere.'),
    fetched: z.array(
      z.strictObject({
        name: text.describe('Of the run here.'),
        dir: text,
        state: text,
        live: z.boolean().describe('The run goes on there: only samples and LoRA files are here.'),
        files: count.describe('That travelled now.'),
        files_in_all: count,
        bytes: count,
      }),
    ),
  }),
};
