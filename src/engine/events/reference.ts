/** Makes docs/reference/events.md from the schema itself. */
import { z } from 'zod';
import { EVENTS_VERSION, payloads } from './schema.ts';

interface Node {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Node[];
  readonly items?: Node;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
}

export function eventsPage(): string {
  const sections = Object.entries(payloads).map(([type, schema]) => section(type, z.toJSONSchema(schema) as Node));
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

const INTRODUCTION = `# events.jsonl

<!-- Made from src/engine/events/schema.ts by scripts/reference.mjs; do not edit. -->

Everything that happens in a run, from the first check to the last file, one line of JSON per event. \`visiontrain attach
RUN --json\` prints the same lines as they come. Every line has, beside what its type adds:

| key | |
|---|---|
| \`v\` | Version of this format: ${EVENTS_VERSION}. |
| \`seq\` | Counts from 1 over the whole file, also over resumes. |
| \`t\` | Seconds since 1970. |
| \`type\` | One of those below. |

For readers: keep a last line that does not end yet for later, skip lines that do not parse, ignore types and keys you do
not know, and start over when the file has become shorter. Further types and keys may come without a new version.

For writers: one at a time. The supervisor writes until it starts the trainer, the trainer until it exits, then the
supervisor again. Each line is one \`write\` in append mode.
`;

function section(type: string, { description, properties = {}, required = [] }: Node): string {
  const rows = Object.entries(properties).map(([key, node]) => {
    const optional = required.includes(key) ? '' : ', optional';
    return `| \`${key}\` | ${typeName(node)}${optional} | ${node.description ?? ''} |`;
  });
  return `## ${type}\n\n${description ?? ''}\n\n| key | type | |\n|---|---|---|\n${rows.join('\n')}\n`;
}

function typeName({ type, enum: values, items, anyOf, properties }: Node): string {
  if (values !== undefined) return values.map((value) => `\`${value}\``).join(', ');
  if (anyOf !== undefined) return anyOf.map(typeName).join(' or ');
  if (items !== undefined) return `list of ${typeName(items)}`;
  if (properties !== undefined)
    return `object with ${Object.keys(properties)
      .map((key) => `\`${key}\``)
      .join(', ')}`;
  return { integer: 'whole number', boolean: 'true or false', string: 'text' }[type ?? ''] ?? type ?? 'any';
}
