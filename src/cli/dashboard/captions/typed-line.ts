/** A line that is typed on a screen, and the effect of each key on it. Pure. */
import { graphemes } from '../../../terminal/columns.ts';

export interface TypedLine {
  readonly text: string;
  /** Position of the cursor, in characters as a person counts them. */
  readonly cursor: number;
}

/** The characters of a text as a person counts them: a letter with its accents, an emoji with all its parts. */
export const signsOf = (text: string): readonly string[] => Array.from(graphemes(text), ({ segment }) => segment);

/** The line after a key, or after text that was typed or pasted at once. */
export function typeInto(line: TypedLine, key: string | undefined, text: string | undefined, most: number): TypedLine {
  const signs = signsOf(line.text);
  const at = Math.min(line.cursor, signs.length);
  const joined = (before: readonly string[], after: readonly string[]): TypedLine => ({
    text: [...before, ...after].join(''),
    cursor: before.length,
  });
  switch (key) {
    case 'left':
      return { ...line, cursor: Math.max(0, at - 1) };
    case 'right':
      return { ...line, cursor: Math.min(signs.length, at + 1) };
    case 'home':
      return { ...line, cursor: 0 };
    case 'end':
      return { ...line, cursor: signs.length };
    case 'backspace':
      return joined(signs.slice(0, Math.max(0, at - 1)), signs.slice(at));
    case 'delete':
      return joined(signs.slice(0, at), signs.slice(at + 1));
    case 'ctrl-u':
      return joined([], signs.slice(at));
    default:
  }
  // A pasted text may contain line ends and control characters, which a caption must not.
  const clean = (text ?? '').replaceAll(/\p{Cc}+/gu, ' ');
  if (clean === '' || line.text.length + clean.length > most) return line;
  return joined([...signs.slice(0, at), ...signsOf(clean)], signs.slice(at));
}
