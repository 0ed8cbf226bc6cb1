/** Layout of plain text in terminal cells: CJK and emoji are two cells wide. Colour is put on afterwards. */
import width from 'fast-string-width';

export { width };

export function padEnd(text: string, cells: number): string {
  return text + ' '.repeat(Math.max(0, cells - width(text)));
}

export function padStart(text: string, cells: number): string {
  return ' '.repeat(Math.max(0, cells - width(text))) + text;
}

let segmenter: Intl.Segmenter | undefined;
/** Made where something is cut: it takes 10 ms, a tenth of the start of every command. */
function graphemes(text: string): Iterable<{ readonly segment: string }> {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}

/** At most `cells` wide; what was cut is marked with `mark`. */
export function truncate(text: string, cells: number, mark = '…'): string {
  if (width(text) <= cells) return text;
  const room = cells - width(mark);
  if (room < 0) return '';
  let kept = '';
  let used = 0;
  for (const { segment } of graphemes(text)) {
    used += width(segment);
    if (used > room) break;
    kept += segment;
  }
  return kept + mark;
}

/** As `truncate`, but keeps the end: for paths, where the end says more. */
export function truncateStart(text: string, cells: number, mark = '…'): string {
  if (width(text) <= cells) return text;
  const room = cells - width(mark);
  if (room < 0) return '';
  let kept = '';
  let used = 0;
  for (const { segment } of [...graphemes(text)].reverse()) {
    used += width(segment);
    if (used > room) break;
    kept = segment + kept;
  }
  return mark + kept;
}

/** Words into lines of at most `cells`; a word that is longer stands alone, cut, or whole with `whole`. */
export function wrap(text: string, cells: number, { whole = false } = {}): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && width(line) + 1 + width(word) > cells) {
        lines.push(line);
        line = '';
      }
      line = line === '' ? (whole ? word : truncate(word, cells)) : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines;
}

/** A sentence in lines of at most `cells`: all but the first stand two cells further in. Words stay whole. */
export function hanging(text: string, cells: number): string {
  const words = text.trimStart();
  const first = ' '.repeat(text.length - words.length);
  return first + wrap(words, cells - first.length - 2, { whole: true }).join(`\n${first}  `);
}

/** `left` and `right` at the two ends of a line of `cells`; `left` gives way. */
export function ends(left: string, right: string, cells: number): string {
  const room = cells - width(right) - 1;
  if (room < 1) return truncate(left, cells);
  return `${padEnd(truncate(left, room), room + 1)}${right}`;
}

/** Rows of cells as aligned columns, `gap` spaces apart; trailing space cut. A row of one cell is no part of the table. */
export function columns(rows: readonly (readonly string[])[], gap = 2): string[] {
  const table = rows.filter((row) => row.length > 1);
  const count = Math.max(0, ...table.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, i) => Math.max(0, ...table.map((row) => width(row[i] ?? ''))));
  return rows.map((row) =>
    row
      .map((cell, i) => padEnd(cell, widths[i] ?? 0))
      .join(' '.repeat(gap))
      .trimEnd(),
  );
}
