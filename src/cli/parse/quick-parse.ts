/** Parses command lines of the plainest form, as commander would; it takes a tenth of the time. */
import type { CommandEntry } from '../commands/shared/command-entry.ts';
import { globalOptions } from './program-words.ts';

interface Parsed {
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

interface Option {
  readonly key: string;
  /** Whether a value follows, and whether the option may come again and collects its values. */
  readonly kind: 'flag' | 'no' | 'value' | 'list';
}

/**
 * The arguments and options of a command. Undefined for anything that is not plain: help, an unknown option, an option
 * with `=`, a value that looks like an option, too few or too many words. commander parses or refuses those.
 */
export function quicklyParsed(entry: CommandEntry, words: readonly string[]): Parsed | undefined {
  const known = optionsOf(entry);
  const args: string[] = [];
  const options: Record<string, unknown> = {};
  for (const { key, kind } of known.values()) if (kind === 'no') options[key] = true;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    if (!word.startsWith('-')) {
      args.push(word);
      continue;
    }
    const option = known.get(word);
    if (option === undefined) return undefined;
    const { key, kind } = option;
    if (kind === 'flag' || kind === 'no') {
      options[key] = kind === 'flag';
      continue;
    }
    i += 1;
    const value = words[i];
    if (value === undefined || value.startsWith('-')) return undefined;
    options[key] = kind === 'value' ? value : [...((options[key] as string[] | undefined) ?? []), value];
  }
  return fits(entry.args?.split(' ') ?? [], args.length) ? { args, options } : undefined;
}

/** Options by each of their names. An option with an optional value is left out, so that it counts as not plain. */
function optionsOf({ options = [] }: CommandEntry): Map<string, Option> {
  const known = new Map<string, Option>();
  for (const [flags, , list] of [...options, ...globalOptions] as NonNullable<CommandEntry['options']>) {
    const words = flags.split(' ').map((word) => (word.endsWith(',') ? word.slice(0, -1) : word));
    const all = words.filter((word) => word.startsWith('-'));
    const value = words.find((word) => !word.startsWith('-'));
    if (value?.startsWith('[')) continue;
    const long = all.at(-1) ?? '';
    const negated = long.startsWith('--no-');
    const [first = '', ...others] = long.slice(negated ? 5 : 2).split('-');
    const key = first + others.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join('');
    const kind = value ? (list ?? 'value') : negated ? 'no' : 'flag';
    for (const name of all) known.set(name, { key, kind });
  }
  return known;
}

/** Whether this number of words fits the syntax `<needed>`, `[optional]` and `[any...]`. */
function fits(syntax: readonly string[], count: number): boolean {
  const least = syntax.filter((part) => part.startsWith('<')).length;
  const most = syntax.some((part) => part.includes('...')) ? Number.POSITIVE_INFINITY : syntax.length;
  return count >= least && count <= most;
}
