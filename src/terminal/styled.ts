/**
 * Text on its way to a terminal. A `Styled` is made only here, from text that is neutralised first and from colours
 * that consist of digits. So no other escape sequence can be in it, and any value that is no `Styled` is treated as
 * plain text.
 */
import { neutralise } from '../base/text.ts';
import { width } from './columns.ts';
import { spell } from './signs.ts';

export interface Span {
  /** The text, neutralised. */
  readonly text: string;
  /** Parameters of the SGR sequences before and behind the text (`1`, `38;5;12`); '' for none. */
  readonly on: string;
  readonly off: string;
}

/** One line: plain text, which `onTerminal` neutralises, or a styled line. */
export type Line = string | Styled;

const SGR = /^[0-9;]*$/;
const sequence = (parameters: string) => (parameters === '' ? '' : `\u001b[${parameters}m`);

const HERE = Symbol('styled.ts');

export class Styled {
  readonly #spans: readonly Span[];

  /**
   * Is called in this file only, where the spans are known to be harmless.
   * @throws Error when called from elsewhere
   */
  private constructor(key: typeof HERE, spans: readonly Span[]) {
    if (key !== HERE) throw new Error('styled text is made by Style, styled and Styled.of');
    this.#spans = spans;
  }

  /** Turns plain text into one harmless span. */
  static of(line: Line): Styled {
    if (line instanceof Styled) return line;
    return new Styled(HERE, [{ text: neutralise(String(line)), on: '', off: '' }]);
  }

  /**
   * A span between two SGR sequences.
   * @throws Error when `on` or `off` are more than digits and semicolons
   */
  static painted(text: string, on: string, off: string): Styled {
    if (!SGR.test(on) || !SGR.test(off)) throw new Error('a colour is digits');
    return new Styled(HERE, [{ text: neutralise(String(text)), on, off }]);
  }

  /** The text as chalk paints it: the sequences that chalk puts around a letter become `on` and `off`. */
  static chalked(text: string, paint: (text: string) => string): Styled {
    const [on = '', off = ''] = paint('x')
      .split('x')
      .map((codes) => codes.slice(2, -1));
    return text === '' ? Styled.of(text) : Styled.painted(text, on, off);
  }

  static joined(lines: readonly Line[], between: Line = ''): Styled {
    const gap = between === '' ? [] : Styled.of(between).spans;
    return new Styled(
      HERE,
      lines.flatMap((line, i) => [...(i > 0 ? gap : []), ...Styled.of(line).spans]),
    );
  }

  get spans(): readonly Span[] {
    return this.#spans;
  }

  /** Width in cells. */
  get width(): number {
    return width(this.toString());
  }

  /** The same line with its signs replaced for a terminal without Unicode. */
  spelled(): Styled {
    return new Styled(
      HERE,
      this.#spans.map((span) => ({ ...span, text: spell(span.text, { unicode: false }) })),
    );
  }

  /** The line with its colours as escape sequences, ready for a terminal. */
  ansi(): string {
    return this.#spans.map(({ text, on, off }) => `${sequence(on)}${text}${sequence(off)}`).join('');
  }

  /** The text without colours. */
  toString(): string {
    return this.#spans.map(({ text }) => text).join('');
  }
}

/** Puts a line together: styled values keep their colours, everything else is text. */
export function styled(literals: TemplateStringsArray, ...values: readonly (Line | number | undefined)[]): Styled {
  return Styled.joined(
    literals.flatMap((literal, i): Line[] => {
      const value = values[i] ?? '';
      return [literal, value instanceof Styled ? value : String(value)];
    }),
  );
}

/**
 * The line with each word in its colour. A word is searched for behind the one before; a word that is absent is
 * skipped.
 */
export function highlighted(
  line: string,
  words: readonly (readonly [word: string, paint: (text: string) => Styled])[],
): Styled {
  const parts: Line[] = [];
  let rest = line;
  for (const [word, paint] of words) {
    const at = word === '' ? -1 : rest.indexOf(word);
    if (at === -1) continue;
    parts.push(rest.slice(0, at), paint(word));
    rest = rest.slice(at + word.length);
  }
  return Styled.joined([...parts, rest]);
}

/** The string that is sent to a terminal for a line. No other function makes such a string. */
export function onTerminal(line: Line, { unicode }: { readonly unicode: boolean }): string {
  // A plain line, of which `ps` may print thousands, needs no parts.
  if (!(line instanceof Styled)) return spell(neutralise(String(line)), { unicode });
  return (unicode ? line : line.spelled()).ansi();
}
