/** The documents about this machine and the program itself, as schemas: its environments, settings and notices. */
import { z } from 'zod';

const text = z.string();
const count = z.number().int().min(0);

const verdict = z.enum(['good', 'warn', 'bad']);

export const machineDocuments = {
  doctor: z.strictObject({
    version: text,
    state: verdict.describe('The worst of the findings; with bad the exit code is 3.'),
    summary: text,
    findings: z.array(
      z.strictObject({
        id: text,
        title: text,
        verdict,
        text,
        cure: z.array(text).describe('What to type, or to do.'),
      }),
    ),
  }),
  setup: z
    .strictObject({
      python: text,
      python_version: text,
      torch: text,
      kind: z.enum(['own', 'given']),
      proofs: z
        .array(
          z.strictObject({
            fingerprint: text,
            device: text,
            card: text.nullable(),
            driver: text.nullable(),
            passed: z.array(text),
            failed: z.array(text),
            at: z.number(),
          }),
        )
        .optional()
        .describe('What was proven, and on which driver and card.'),
      extras: z.record(text, text.nullable()),
      build: z.unknown().describe('The build of PyTorch for this machine; null where Python is given.'),
      card: text.nullish(),
      driver: text.nullish(),
      made: z.boolean(),
      seconds: z.number(),
    })
    .describe('The last line; lines of progress go to stderr.'),
  'setup-list': z
    .array(
      z.strictObject({
        name: text,
        torch: text.nullable(),
        python_version: text.nullable(),
        bytes: count,
        made_at: z.number().nullable(),
        complete: z.boolean(),
        current: z.boolean(),
        busy: z.boolean(),
      }),
    )
    .describe('setup --list.'),
  'setup-remove': z.strictObject({ removed: z.array(text), bytes: count }).describe('setup --remove.'),
  config: z.strictObject({
    settings: z.array(
      z.strictObject({
        name: text,
        value: text.optional(),
        source: text,
        from: z.enum(['flag', 'environment', 'folder', 'user', 'built-in']),
      }),
    ),
    places: z.strictObject({
      home: text,
      models: text,
      envs: text,
      cache: text,
      runs: text,
      config: text,
      state: text,
    }),
  }),
  notify: z.strictObject({
    file: text.nullable().describe('The file that says so; null where nothing is said.'),
    bell: z.boolean(),
    terminal: text.describe('How the terminal shows a notice.'),
    events: z.array(text),
    targets: z.array(
      z.strictObject({
        name: text,
        events: z.array(text),
        problem: text.nullable(),
        told: z.boolean().nullable().describe('Whether --test reached it; null without --test.'),
      }),
    ),
  }),
} satisfies Readonly<Record<string, z.ZodType>>;
