import { EXIT, UsageError } from '../../base/errors.ts';
import { nearest } from '../../base/nearest.ts';
import { jsonSchema } from '../../spec/json-schema.ts';
import type { CommandRun } from '../shell/context.ts';

/** Prints the JSON Schema of run.yaml, or of the document NAME; the output is JSON with or without `--json`. */
export const run: CommandRun = async (args, _options, { out }) => {
  const name = args.join('-');
  out.json(name === '' || name === 'run.yaml' ? jsonSchema() : await documentOf(name));
  return EXIT.ok;
};

async function documentOf(name: string): Promise<unknown> {
  const { documents, documentSchema } = await import('./shared/documents/documents.ts');
  const found = documentSchema(name);
  if (found !== undefined) return found;
  const names = ['run.yaml', ...Object.keys(documents)];
  const near = nearest(name, names);
  throw new UsageError(`No document is called ${JSON.stringify(name)}.`, {
    id: 'command/wrong',
    details: [`There are: ${names.join(', ')}.`],
    nextSteps: near === undefined ? [] : [`visiontrain schema ${near}`],
  });
}
