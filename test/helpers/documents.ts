import { z } from 'zod';
import { type DocumentName, documents } from '../../src/cli/commands/shared/documents/documents.ts';

/** Names of the documents that were checked against their schemas, so that a test can find those that never were. */
export const held = new Set<DocumentName>();

/** Throws when the output of a command with `--json` does not follow the schema that `visiontrain schema` prints. */
export function holdToSchema(args: readonly string[], stdout: string): void {
  for (const text of split(args, stdout)) {
    const value = parse(text);
    const name = value === undefined ? undefined : nameOf(args, value);
    if (name === undefined) continue;
    const { error } = documents[name].safeParse(value);
    if (error !== undefined)
      throw new Error(`visiontrain ${args.join(' ')} prints no ${name} document:\n${z.prettifyError(error)}\n${text}`);
    held.add(name);
  }
}

/** The output as one document, or one document a line. */
const split = ([command]: readonly string[], stdout: string): readonly string[] =>
  command === 'logs' || command === 'attach' || parse(stdout) === undefined
    ? stdout.split('\n').filter((line) => line !== '')
    : [stdout];

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function nameOf(args: readonly string[], value: unknown): DocumentName | undefined {
  const [command = '', sub = ''] = args.filter((word) => !word.startsWith('-'));
  const has = (key: string) => typeof value === 'object' && value !== null && key in value;
  if (has('error')) return 'error';
  if (command !== 'logs' && has('seq')) return 'event';
  if (command === 'new' && has('trainer')) return 'import';
  if (command === 'new' && has('file')) return 'new';
  if (['run', 'new', 'demo'].includes(command)) return has('plan') ? 'run-dry' : 'run';
  if (command === 'hosts') return ['add', 'check'].includes(sub) ? 'hosts-check' : 'hosts';
  if (command === 'schema') return undefined;
  if (command === 'setup' && !has('python')) return has('removed') ? 'setup-remove' : 'setup-list';
  const [, , third = ''] = args.filter((word) => !word.startsWith('-'));
  if (command === 'dataset' && `dataset-${sub}-${third}` in documents) return `dataset-${sub}-${third}` as DocumentName;
  const name = ['models', 'dataset', 'lora', 'preset'].includes(command) ? `${command}-${sub}` : command;
  return name in documents ? (name as DocumentName) : undefined;
}
