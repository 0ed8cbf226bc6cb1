import { EXIT, UsageError } from '../../base/errors.ts';
import { findTerm, glossary, nearestTerm, type Term } from '../../spec/glossary.ts';
import { truncate, wrap } from '../../terminal/columns.ts';
import { spell } from '../../terminal/signs.ts';
import { type Style, styleFor } from '../../terminal/style.ts';
import { type Line, styled } from '../../terminal/styled.ts';
import { terminal } from '../../terminal/terminal.ts';
import type { CommandRun } from '../shell/context.ts';

/** `explain [TERM]`: shows one entry of the glossary, or the list of all. */
export const run: CommandRun = async (args, _options, { out, env, flags }) => {
  const can = terminal(env, flags);
  const style = styleFor(can);
  const wanted = args.join(' ').trim();
  if (wanted === '') {
    if (flags.json) out.json(glossary);
    else for (const line of list(style, can.columns)) out.data(line);
    return EXIT.ok;
  }
  const found = findTerm(wanted) ?? (await settingTerm(wanted));
  if (found === undefined) {
    const near = nearestTerm(wanted);
    throw new UsageError(`The glossary has no entry "${wanted}".`, {
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

/** The first sentence of a text, cut to the room there is. */
function cut(text: string, room: number): string {
  const sentence = text.match(/^.*?\.(?= |$)/)?.[0] ?? text;
  return truncate(sentence, Math.max(20, room));
}
