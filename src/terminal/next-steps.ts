/** Lays out next steps for a terminal: sentences are wrapped between words, commands stay whole. Pure. */
import { width, wrap } from './columns.ts';

/**
 * Matches the beginning of something to be typed: a command, an option of one, or a variable that is set before it.
 */
const TYPED =
  /^(?:(?:visiontrain|ssh(?:-[\w-]+)?|sudo|export|unset|npm|npx|pip|env|chmod|ls|rm|cd|hf|echo|nvidia-smi|docker|mogrify|unzip|https?:\S+|--[a-z][\w-]*|"?[\w./~$-]*python[\w."]*(?= -m))(?=[\s=]|$)|[A-Z][A-Z_]+=\S)/u;

/** Whether a text is to be copied, in which case it may be wider than the terminal. */
export const isTyped = (text: string): boolean => TYPED.test(text.trimStart());

/**
 * The lines of one next step. A step that is too wide is split where two spaces, or a colon before a command, separate
 * words from a command; all parts but the first are indented by two cells.
 */
export function stepLines(step: string, cells: number): string[] {
  if (width(step) <= cells) return [step];
  const text = step.trimStart();
  const left = step.length - text.length;
  return partsOf(text).flatMap((part, i) => {
    const indent = left + (i === 0 ? 0 : 2);
    const lines = isTyped(part) ? [part] : wholeNames(part, cells - indent);
    return lines.map((line) => ' '.repeat(indent) + line);
  });
}

function partsOf(text: string): string[] {
  return text.split(/ {2,}/u).flatMap((part) => {
    const [, words, typed] = /^(.*?:) (.+)$/u.exec(part) ?? [];
    return words !== undefined && typed !== undefined && isTyped(typed) && !isTyped(part) ? [words, typed] : [part];
  });
}

/** A no-break space, which stands for a space that must not be broken. The words of next steps contain none. */
const JOINED = '\u00a0';

/** Wraps a sentence; text in backticks stays whole. */
function wholeNames(sentence: string, cells: number): string[] {
  const joined = sentence.replaceAll(/`[^`]*`/gu, (name) => name.replaceAll(' ', JOINED));
  return wrap(joined, cells, { whole: true }).map((line) => line.replaceAll(JOINED, ' '));
}
