import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorEntry } from '../../base/error-entries/entry.ts';
import { EXIT, UsageError } from '../../base/errors.ts';
import { nearest } from '../../base/nearest.ts';
import { packageRoot } from '../../base/package-root.ts';
import { findTerm, glossary, nearestTerm, type Term } from '../../spec/glossary.ts';
import { truncate, wrap } from '../../terminal/columns.ts';
import { spell } from '../../terminal/signs.ts';
import { type Style, styleFor } from '../../terminal/style.ts';
import { type Line, styled } from '../../terminal/styled.ts';
import type { CommandRun } from '../shell/context.ts';

/** `explain [TERM]`: shows one entry of the glossary, a key of run.yaml, an error by its id, or the list of all terms. */
export const run: CommandRun = async (args, _options, { out, flags, terminal: can }) => {
  const style = styleFor(can);
  const wanted = args.join(' ').trim();
  if (wanted === '') {
    if (flags.json) out.json(glossary);
    else for (const line of list(style, can.columns)) out.data(line);
    return EXIT.ok;
  }
  if (/^[a-z]+\/[a-z-]+$/.test(wanted)) {
    const error = await knownError(wanted);
    if (flags.json) out.json(error);
    else for (const line of errorLines(error, style, can.columns)) out.data(line);
    return EXIT.ok;
  }
  if (wanted === 'agents') {
    const page = readFileSync(join(packageRoot(), 'docs', 'agents.md'), 'utf8');
    if (flags.json) out.json({ page: 'agents', markdown: page });
    else out.verbatim(page);
    return EXIT.ok;
  }
  const found = findTerm(wanted) ?? (await settingTerm(wanted));
  if (found === undefined) {
    const near = nearestTerm(wanted);
    throw new UsageError(`The glossary has no entry "${wanted}".`, {
      id: 'command/no-term',
      nextSteps: [
        ...(near === undefined ? [] : [`Did you mean:  visiontrain explain ${near}`]),
        'All entries:  visiontrain explain',
      ],
    });
  }
  if (flags.json) out.json(found);
  else for (const line of entry(found, style, can.columns)) out.data(line);
  return EXIT.ok;
};

type KnownError = ErrorEntry & { readonly id: string };

/**
 * The entry of an error's id, which people find at the end of a message.
 * @throws UsageError when there is none
 */
async function knownError(id: string): Promise<KnownError> {
  const { errorCatalogue } = await import('../../base/error-catalogue.ts');
  if (Object.hasOwn(errorCatalogue, id)) return { id, ...errorCatalogue[id as keyof typeof errorCatalogue] };
  const near = nearest(id, Object.keys(errorCatalogue));
  throw new UsageError(`No error has the id "${id}".`, {
    id: 'command/no-term',
    nextSteps: near === undefined ? [] : [`Did you mean:  visiontrain explain ${near}`],
  });
}

/** The lines about an error's entry, for a terminal of `cells` cells. */
export function errorLines({ id, what, cause, cure }: KnownError, style: Style, cells: number): Line[] {
  const width = Math.min(cells - 1, 90);
  const part = (label: string, text: string) => [
    style.dim(label),
    ...wrap(spell(text, style), width - 2).map((line) => `  ${line}`),
  ];
  return [style.bold(id), ...wrap(spell(what, style), width), ...part('Why', cause), ...part('What to do', cure)];
}

type Explained = Pick<Term, 'term' | 'text' | 'keys'>;

/** Explains a key of run.yaml in the schema's words when the glossary has no entry. Only then is the schema loaded. */
async function settingTerm(wanted: string): Promise<Explained | undefined> {
  const { expectation, specKeys } = await import('../../spec/keys.ts');
  const plain = (text: string) => text.toLowerCase().replaceAll(/[\s-]+/g, '_');
  const name = plain(wanted);
  const found = specKeys.find(({ key }) => key === name) ?? specKeys.find(({ key }) => key.split('.').at(-1) === name);
  if (found === undefined) return undefined;
  const { key, node } = found;
  const text = [node.description, node.why, `It is ${expectation(node)}.`].filter(Boolean).join(' ');
  return { term: key, text };
}

function entry({ term, text, keys }: Explained, style: Style, cells: number): Line[] {
  const lines = wrap(spell(text, style), Math.min(cells - 1, 90));
  return [style.bold(term), ...lines, ...(keys === undefined ? [] : [style.dim(`Settings: ${keys.join(', ')}`)])];
}

function list(style: Style, cells: number): Line[] {
  const groups = [...new Set(glossary.map(({ group }) => group))];
  const wide = Math.max(...glossary.map(({ term }) => term.length));
  return groups.flatMap((group) => [
    '',
    style.bold(group),
    ...glossary
      .filter((item) => item.group === group)
      .map(({ term, text }) => styled`  ${term.padEnd(wide)}  ${style.dim(cut(spell(text, style), cells - wide - 6))}`),
  ]);
}

/** The first sentence of a text, cut to the room that is left. */
function cut(text: string, room: number): string {
  const sentence = text.match(/^.*?\.(?= |$)/)?.[0] ?? text;
  return truncate(sentence, Math.max(20, room));
}
