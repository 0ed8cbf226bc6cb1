/** Reads comma-separated tables, as RFC 4180 describes them and spreadsheets write them. Pure. */

export interface CsvRow {
  /** The line on which the row begins, counted from 1. */
  readonly line: number;
  /** The fields; undefined where quotes or the number of fields are wrong. */
  readonly fields: readonly string[] | undefined;
}

/**
 * Most fields of a row. No table of captions is wider, and a line of commas must not take memory many times its size.
 */
const MOST_FIELDS = 256;

/**
 * Yields the rows, in time that grows with the text. A quote that is not closed within `longest` characters ends the
 * reading with its row, because the rest could be inside or outside of quotes.
 */
export function* csvRows(text: string, longest: number): Generator<CsvRow> {
  let at = text.startsWith('\ufeff') ? 1 : 0;
  let line = 1;
  while (at < text.length) {
    const { fields, end, isOpen } = readRow(text, at, longest);
    if (fields?.length !== 1 || fields[0] !== '') yield { line, fields };
    if (isOpen) return;
    for (let i = text.indexOf('\n', at); i >= 0 && i < end; i = text.indexOf('\n', i + 1)) line += 1;
    at = end;
  }
}

interface Field {
  readonly value: string;
  /** Position of the comma, the line end or the end of the text behind the field. */
  readonly stop: number;
  readonly isOdd?: boolean;
}

/**
 * Reads one row.
 * @returns the fields, and in `end` where the next row begins
 */
function readRow(text: string, from: number, longest: number) {
  const fields: string[] = [];
  let isOdd = false;
  for (let at = from; ; ) {
    const field = text[at] === '"' ? quoted(text, at, longest) : bare(text, at);
    if (field === undefined) return { fields: undefined, end: text.length, isOpen: true };
    isOdd ||= field.isOdd === true || fields.length === MOST_FIELDS;
    if (!isOdd) fields.push(field.value);
    at = field.stop + 1;
    if (text[field.stop] !== ',') return { fields: isOdd ? undefined : fields, end: at, isOpen: false };
  }
}

function bare(text: string, from: number): Field {
  const upTo = /[^,\n]*/y;
  upTo.lastIndex = from;
  const [value = ''] = upTo.exec(text) ?? [];
  return { value: value.replace(/\r$/u, ''), stop: from + value.length };
}

function quoted(text: string, from: number, longest: number): Field | undefined {
  const close = closingQuote(text, from + 1, longest);
  if (close < 0) return undefined;
  const rest = bare(text, close + 1);
  const value = text.slice(from + 1, close).replaceAll('""', '"');
  return { value, stop: rest.stop, isOdd: rest.value.trim() !== '' };
}

/** Position of the quote that closes a field; two quotes in a row stand for one quote inside it. */
function closingQuote(text: string, from: number, longest: number): number {
  for (let at = text.indexOf('"', from); at >= 0 && at - from <= longest; at = text.indexOf('"', at + 2))
    if (text[at + 1] !== '"') return at;
  return -1;
}
