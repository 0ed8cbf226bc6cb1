/** Text from outside (captions, file names, logs, metadata) made safe for a terminal, and numbers made readable. */

// These are removed: control characters (C0, DEL, C1), characters that change the direction of text or take no room,
// which would let two different names look alike (format characters), lone surrogates, line and paragraph separators.
// The joiners and Arabic's visible format signs stay, because scripts and emoji need them. The pattern is made by a
// function, at its first use: classes of Unicode take a millisecond to set up, and most texts never need the pattern.
const unsafe = () => /(?!\u200c|\u200d|[\u0600-\u0605\u06dd])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const PLAIN = /^[ -~]*$/;
const PLAIN_LINES = /^[ -~\n]*$/;

/**
 * Makes text from outside one harmless line: no control character is left, so that it can neither move the cursor nor
 * colour or retitle the terminal nor begin a new line.
 */
export function neutralise(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(unsafe(), (c) => (c === '\t' || c === '\n' || c === '\r' ? ' ' : '\ufffd'));
}

/** The texts of a row, each as `neutralise` gives it. */
export const neutraliseAll = (texts: readonly string[]): readonly string[] =>
  PLAIN.test(texts.join('')) ? texts : texts.map(neutralise);

/** JSON that is equal when parsed and shows a terminal nothing but visible signs. */
export function harmlessJson(value: unknown, indent?: number): string {
  // JSON.stringify escapes C0 and lone surrogates. All other unsafe characters are inside of strings, where an escape
  // works.
  const text = JSON.stringify(value, null, indent) ?? 'null';
  if (PLAIN_LINES.test(text)) return text;
  return text.replace(unsafe(), (c) => (c === '\n' ? c : c.split('').map(escaped).join('')));
}

/** A text as the part of a regular expression (with the flag `u` or `v`, or none) that finds just this text. */
export const literally = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, '\\$&');

/** `\u009b` for one UTF-16 unit. */
const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** `my%20model` → `my model`; text that is not well encoded stays as it is. */
export function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `6.9 GB`, decimal units, three significant digits at most. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `48 s`, `11 min`, `2 h 05 min`, `3 d 4 h`. */
export function formatDuration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return `${s} s`;
  const minutes = Math.round(s / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** What progress is counted in. */
export type ProgressUnit = 'bytes' | 'images' | 'packages' | 'captions';

/** The word for a unit of progress in text for people, in the plural. */
export const unitWord = (unit: ProgressUnit): string => (unit === 'images' ? 'pictures' : unit);

/** `12.3 MB/s`, `1.9 pictures/s`, or `4.2 s/picture` when it is slower than one a second. `perSecond` is above 0. */
export function formatRate(perSecond: number, unit: ProgressUnit): string {
  if (unit === 'bytes') return `${formatBytes(perSecond)}/s`;
  if (perSecond < 1) return `${(1 / perSecond).toFixed(1)} s/${unitWord(unit).slice(0, -1)}`;
  return `${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)} ${unitWord(unit)}/s`;
}

/**
 * `12 pictures/s  4 min left`: without the time while the number of units that are left is unknown, and '' while the
 * rate is unknown or 0.
 */
export function formatPace(rate: number | undefined, unit: ProgressUnit, left: number | undefined): string {
  if (!rate) return '';
  const time = left !== undefined && left > 0 ? `  ${formatDuration(left / rate)} left` : '';
  return `${formatRate(rate, unit)}${time}`;
}

/** `1 picture`, `42 pictures`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The sentence for one thing, or the one for several. */
export const inNumber = (count: number, one: string, many: string): string => (count === 1 ? one : many);

/** The text itself, or its beginning and `…`: at most `limit` characters. */
export function shorten(text: string, limit: number): string {
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

/** Order of Unicode code points, the same as in Python: the order of UTF-16 units would put U+FFxx behind emoji. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const high = (unit: number) => unit >= 0xd800 && unit <= 0xdfff;
    return high(x) === high(y) ? x - y : high(x) ? 1 : -1;
  }
  return a.length - b.length;
}

/** `12 %`, rounded down, so that 100 % is shown only when all is done. */
export const percent = (done: number, total: number): string =>
  `${total > 0 ? Math.floor(Math.min(100, Math.max(0, (100 * done) / total))) : 0} %`;
