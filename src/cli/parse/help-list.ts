/** The list of all commands that `--help` prints, in commander's own layout and without commander. */
import { wrapWords } from '../../base/wrap.ts';
import type { CommandEntry } from '../commands/shared/command-entry.ts';
import { DESCRIPTION, HELP_OPTION, MIN_WIDTH, VERSION_OPTION } from './program-words.ts';

/** Lines for a terminal of `width` cells. A test compares them with commander's. */
export function helpList(entries: readonly CommandEntry[], width: number): string {
  const groups = new Map<string, (readonly [term: string, text: string])[]>([
    ['Options', [VERSION_OPTION, HELP_OPTION]],
  ]);
  for (const { name, args, group, summary } of entries) {
    const items = groups.get(group) ?? [];
    groups.set(group, [...items, [`${name} [options]${args === undefined ? '' : ` ${args}`}`, summary]]);
  }
  groups.set('Help', [...(groups.get('Help') ?? []), ['help [command]', 'display help for command']]);
  const cells = Math.max(...[...groups.values()].flat().map(([term]) => term.length));
  const margin = `\n${' '.repeat(cells + 4)}`;
  const room = width - cells - 4;
  const sections = [...groups].map(([title, items]) => {
    const lines = items.map(([term, text]) => `  ${term.padEnd(cells)}  ${wrapped(text, room).join(margin)}`);
    return [`${title}:`, ...lines, ''].join('\n');
  });
  return ['Usage: visiontrain [options] [command]', '', ...wrapped(DESCRIPTION, width), '', ...sections].join('\n');
}

const wrapped = (text: string, room: number): string[] => (room < MIN_WIDTH ? [text] : wrapWords(text, room));
