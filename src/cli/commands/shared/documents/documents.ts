/**
 * The JSON documents that commands print with `--json`, as schemas. `visiontrain schema NAME` prints one; tests
 * compare the output of commands with them (`test/helpers/cli.ts`). Later versions may add keys; no key changes its
 * meaning.
 */
import { z } from 'zod';
import { sampleListSchema } from '../../../../engine/sample/schema.ts';
import { assetDocuments } from './asset.ts';
import { boxDocuments } from './boxes.ts';
import { loraDocuments } from './lora.ts';
import { machineDocuments } from './machine.ts';
import { presetDocuments } from './preset.ts';
import { compareDocument, reportDocument } from './report.ts';
import { runDocuments } from './run.ts';

const text = z.string();
const count = z.number().int().min(0);

const problem = z.strictObject({
  file: text,
  line: count.optional(),
  column: count.optional(),
  key: text,
  message: text,
});

const importLine = z.strictObject({ theirs: text, ours: text.nullable(), why: text.nullable() });

const term = z.strictObject({
  term: text,
  text,
  group: text.optional(),
  also: z.array(text).optional(),
  keys: z.array(text).optional(),
});

/** The documents by name: the words of the command, joined by dashes. */
export const documents = {
  error: z
    .strictObject({
      error: z.strictObject({
        code: z.number().int().describe('The exit code.'),
        kind: text,
        id: text.describe('What `visiontrain explain` takes.'),
        message: text,
        details: z.array(text).optional(),
        next_steps: z.array(text).optional(),
        problems: z.array(problem).optional(),
      }),
    })
    .describe('What any command prints with --json when it fails.'),
  ...runDocuments,
  new: z.strictObject({ file: text }).describe('new --no-start: the run.yaml that was written.'),
  import: z
    .strictObject({
      file: text,
      trainer: text,
      taken: z.array(importLine),
      changed: z.array(importLine).describe('Taken, but it means something else here.'),
      lost: z.array(importLine).describe('Without a counterpart.'),
      dangerous: z.array(importLine).describe('Not taken: secrets.'),
      unknown: z.array(text).describe('Words that no table here knows.'),
      off: count.describe('Words that are off or empty there.'),
    })
    .describe('new --from with the settings of another trainer.'),
  ...presetDocuments,
  ...loraDocuments,
  sample: sampleListSchema.extend({ dir: text.describe('The folder of the pictures.') }),
  ...boxDocuments,
  ...assetDocuments,
  ...machineDocuments,
  report: reportDocument,
  compare: compareDocument,
  logs: z.strictObject({ line: text }).describe('One a line.'),
  explain: z.union([
    term.describe('A term, or a key of run.yaml.'),
    z.strictObject({ id: text, what: text, cause: text, cure: text }).describe('An error.'),
    z.array(term).describe('Without a word: all terms.'),
    z.strictObject({ page: text, markdown: text }).describe('agents.'),
  ]),
  completion: z.strictObject({ shell: text, script: text }),
} satisfies Readonly<Record<string, z.ZodType>>;

export type DocumentName = keyof typeof documents;

/** The schema of a document as JSON Schema; undefined for an unknown name. */
export function documentSchema(name: string): unknown {
  return Object.hasOwn(documents, name) ? z.toJSONSchema(documents[name as DocumentName]) : undefined;
}
