/** sample.json, which lies beside the samples of `visiontrain sample` and records how each was made. */
import { z } from 'zod';

export const SAMPLE_VERSION = 1;

const text = z.string();
const number = z.number();

export const sampleListSchema = z.strictObject({
  version: z.literal(SAMPLE_VERSION),
  key: text.describe('Of all that decides the pictures: the same command goes on where it was stopped.'),
  base: z.strictObject({ name: text, family: z.enum(['sd15', 'sdxl']), sha256: text.nullable() }),
  run: text.nullable().describe('Name of the run whose checkpoints are drawn with; null for files.'),
  loras: z.array(z.strictObject({ name: text, sha256: text.nullable() })),
  sampler: text,
  spacing: text,
  columns: z.array(text),
  rows: z.array(text),
  grid: z.array(z.array(text)).describe('Files by row and column.'),
  samples: z.array(
    z.strictObject({
      file: text,
      done: z.boolean(),
      step: number.nullable().describe('The checkpoint; null for files.'),
      strengths: z.array(number).describe('In the order of `loras`.'),
      prompt: text,
      negative: text,
      seed: number,
      steps: number.describe('Denoising steps.'),
      guidance: number,
      size: z.tuple([number, number]),
    }),
  ),
  sheet: text.describe('All of them on one PNG.'),
  page: text.describe('All of them on one HTML page.'),
});

export type SampleList = z.infer<typeof sampleListSchema>;

/** Names of the files beside the samples. */
export const SAMPLE_FILES = {
  list: 'sample.json',
  sheet: 'sheet.png',
  page: 'index.html',
  job: 'sample.job.json',
  log: 'sample.log',
} as const;
