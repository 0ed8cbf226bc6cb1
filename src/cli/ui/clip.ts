/** Cuts a line with colours to a width, so that nothing ever wraps. */
import width from 'fast-string-width';

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes are what is matched
const PIECES = /(\u001b\[[0-9;]*m)|([^\u001b]+)/g;
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** At most `cells` wide; exactly that with `pad`. Colours that were on are switched off behind a cut. */
export function clipLine(line: string, cells: number, pad = false): string {
  const total = width(line);
  if (total <= cells) return pad ? line + ' '.repeat(cells - total) : line;
  let kept = '';
  let used = 0;
  for (const [, code, text] of line.matchAll(PIECES)) {
    if (code !== undefined) kept += code;
    else {
      for (const { segment } of graphemes.segment(text ?? '')) {
        const wide = width(segment);
        if (used + wide > cells) break;
        used += wide;
        kept += segment;
      }
      if (used >= cells) break;
    }
  }
  const reset = kept.includes('\u001b[') ? '\u001b[0m' : '';
  return kept + reset + (pad ? ' '.repeat(cells - used) : '');
}
