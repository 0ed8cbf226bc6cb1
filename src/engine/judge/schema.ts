/** judge.json of a run folder, version 1: the measurements for the base model and each checkpoint. */
import { z } from 'zod';
import { leadsDown } from '../run-folder/inside.ts';

export const JUDGE_VERSION = 1;

/** How samples are measured, by the trainer's `judging/scores.py`: what another version measured is measured again. */
export const MEASURES_VERSION = 2;

/** Rows of a hundred steps at a hundred strengths, with that of the base model. */
const MOST_ROWS = 10_001;
const MOST_TEXT = 20_000;

/** Below the run folder. The file may be a stranger's, and what it names is shown. */
const below = z.string().max(4096).refine(leadsDown, 'must lead down from the run folder');
const line = z.string().max(MOST_TEXT);

const scored = z
  .object({
    value: z.number(),
    stderr: z.number().describe('Over prompts; over seeds where there is one prompt.'),
    each: z.array(z.number()).describe('By prompt and seed, the same in each row: rows are compared by differences.'),
  })
  .nullable();

export const judgeRowSchema = z.object({
  step: z.number().int().min(0).describe('Of the checkpoint; 0 is the base model alone.'),
  strength: z.number().describe('Factor on what the LoRA adds.'),
  validation: z
    .object({ loss: z.number(), stderr: z.number() })
    .nullable()
    .describe('Loss on pictures kept out of training; null without any.'),
  change: z
    .object({
      value: z.number(),
      stderr: z.number(),
      each: z
        .array(z.array(z.number()).min(1))
        .default([])
        .describe('By picture and draw of noise, the same in each row: rows are compared by differences.'),
    })
    .nullable()
    .describe('Of that loss against the base model, with the error of the differences.'),
  likeness: scored.describe(
    'Of samples to the pictures kept out of training from whose captions they are drawn; 1 for equal ones.',
  ),
  fit: scored.default(null).describe('How well samples fit their prompts, by a model that is asked for; else null.'),
  bleeding: scored.describe("How far samples without the trigger lie from the base model's own, 0 to 1."),
  diversity: scored.describe('How far samples of one prompt lie apart over seeds, 0 to 1.'),
  copies: z
    .object({
      samples: z.number().int().describe('Those that were looked at.'),
      copied: z.number().int().describe('Nearer to a training picture than to what they should show.'),
      prompts: z.number().int().default(0).describe('Those whose samples were looked at.'),
      prompts_copied: z.number().int().default(0).describe('Those of which the sample of each seed is a copy.'),
      by_chance: z.number().default(0.1).describe('Share of samples that copy nothing and are counted as well.'),
      usual: z.number().describe('How near to a training picture a sample must lie to be counted.'),
      nearest: z.object({ sample: z.string(), image: z.string(), alike: z.number() }),
    })
    .nullable(),
  samples: z.array(z.array(below)).describe('Paths below the run folder, by prompt and seed.'),
  neighbours: z
    .array(z.array(z.object({ image: z.string(), alike: z.number(), shown: below })))
    .nullable()
    .default(null)
    .describe('The training picture that each sample is nearest to, with a small copy of it below the run folder.'),
});

export const judgeRequestSchema = z.object({
  steps: z.array(z.number().int().min(1)),
  strengths: z.array(z.number()),
  prompts: z.array(
    z.object({
      text: line,
      negative: line,
      trigger: z.boolean().nullable().describe('Whether it calls the LoRA; null where nobody knows.'),
      image: z
        .string()
        .nullable()
        .default(null)
        .describe('The picture whose caption it is, kept out of training or trained on.'),
      shot: z
        .number()
        .int()
        .min(0)
        .nullable()
        .default(null)
        .describe("Place among the run's prompts of the one whose options it has; null: the usual ones."),
    }),
  ),
  seeds: z.array(z.number().int().min(0)),
  likeness: z.string().nullable().default(null).describe('Folder of the model that compares pictures; null: pixels.'),
  fit: z.string().nullable().default(null).describe('Folder of the model that tells how well prompts are met.'),
});

export const processSchema = z
  .object({ pid: z.number().int(), start: z.string(), boot: z.string(), host: z.string(), ns: z.string().optional() })
  .nullable();

export const judgementSchema = z.object({
  version: z.literal(JUDGE_VERSION),
  status: z.enum(['running', 'done', 'stopped', 'failed']),
  measures: z.number().int().default(1).describe('Version of how the samples are measured.'),
  measure: line.describe('What compared the pictures: pixels, or the name of a model.'),
  spec_sha256: z.string(),
  process: processSchema.describe('The process that judges; null once it is over.'),
  request: judgeRequestSchema,
  rows: z.array(judgeRowSchema).max(MOST_ROWS),
  advice: z
    .object({
      step: z.number().int().nullable().describe('null where no row can be advised.'),
      strength: z.number().nullable(),
      text: line,
      doubt: line.describe('Why it may be wrong.'),
      copying: z
        .array(z.object({ step: z.number().int(), strength: z.number() }))
        .default([])
        .describe('Rows whose samples copy training pictures.'),
    })
    .nullable()
    .describe('null while rows are missing.'),
});

export type JudgeRow = z.infer<typeof judgeRowSchema>;
export type JudgeRequest = z.infer<typeof judgeRequestSchema>;
export type Judgement = z.infer<typeof judgementSchema>;
export type Advice = NonNullable<Judgement['advice']>;
