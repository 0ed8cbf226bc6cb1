/** Why a line is not YAML, where what was meant is text: people write prompts and paths, YAML has marks in them. Pure. */

/** Marks that cannot begin a text that is not in quotes. */
const MARKS = '*&!@%`|>],}?';

/** What to write instead; undefined where the line shows no such reason. */
export function syntaxHint(line: string): string | undefined {
  const value = line.slice(0, 4096).replace(/^\s*(?:-\s+)*(?:[\w.-]+:\s+)?(?:-\s+)*/u, '');
  const first = value.charAt(0);
  if (first === '[' || first === '{') return bracketHint(first, value);
  if (first === '"') return doubleQuoteHint(value);
  if (first === "'")
    return /^'[^']*'\s*[^\s#']/u.test(value)
      ? "inside single quotes write '' for one, and quote the whole text"
      : undefined;
  if (first !== '' && MARKS.includes(first)) return `put text that starts with ${first} in quotes`;
  return value.includes(': ') ? 'put text that holds ": " in quotes' : undefined;
}

function bracketHint(first: '[' | '{', value: string): string | undefined {
  const close = value.indexOf(first === '[' ? ']' : '}');
  const behind = close < 0 ? '' : value.slice(close + 1).trim();
  return behind === '' || behind.startsWith('#') ? undefined : `put text that starts with ${first} in quotes`;
}

function doubleQuoteHint(value: string): string | undefined {
  if (value.includes('\\')) return String.raw`a \ in double quotes begins a special letter: use single quotes '…'`;
  return /^"[^"]*"\s*[^\s#]/u.test(value) ? 'put the whole text in quotes' : undefined;
}
