/**
 * Explains why a line that was meant as text is not YAML: prompts and paths hold characters that YAML gives a meaning.
 * Pure.
 */

/** Characters that cannot begin a text without quotes. */
const MARKS = '*&!@%`|>],}?';

/** What the person can write instead; undefined when the line has no such character. */
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
