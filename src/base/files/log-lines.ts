import { closeSync, constants, fstatSync, readSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { pause } from '../sleep.ts';
import { neutralise } from '../text.ts';
import { ForeignFileError, openOurs } from './regular-file.ts';

/** A line of a log as it can be shown: only the last state of a redrawn progress bar, and no control sequences. */
export function cleanLogLine(line: string): string {
  const shown = line.replace(/\r+$/, '').split('\r').at(-1) ?? '';
  return neutralise(stripVTControlCharacters(shown)).trimEnd();
}

/** The last `count` lines of a text that are not empty, cleaned. */
export const lastLines = (text: string, count: number): string[] =>
  text
    .split('\n')
    .map(cleanLogLine)
    .filter((line) => line !== '')
    .slice(-count);

/** The last `count` lines of a file that are not empty, cleaned; none when there is no file. */
export function lastLogLines(path: string, count: number): string[] {
  let file: number;
  try {
    file = openOurs(path, constants.O_RDONLY);
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, 1 << 16));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return lastLines(buffer.toString('utf8'), count);
  } finally {
    closeSync(file);
  }
}

/**
 * Yields all lines of a log, cleaned, and new lines as long as `more` returns true. When the log is truncated or
 * replaced, the new file is followed.
 * @throws ForeignFileError when the path is no plain file
 */
export async function* followLog(
  path: string,
  { more, signal }: { more: () => boolean; signal: AbortSignal },
): AsyncGenerator<string> {
  let offset = 0;
  let rest = Buffer.alloc(0);
  while (!signal.aborted) {
    const again = more();
    for (;;) {
      const { size, bytes } = readFrom(path, offset);
      if (size < offset) {
        offset = 0;
        rest = Buffer.alloc(0);
        continue;
      }
      if (bytes.length === 0) break;
      offset += bytes.length;
      const all = Buffer.concat([rest, bytes]);
      const end = all.lastIndexOf(10) + 1;
      rest = all.subarray(end);
      if (end === 0 && rest.length > LONGEST_LINE) rest = Buffer.alloc(0);
      if (end > 0) for (const line of all.toString('utf8', 0, end - 1).split('\n')) yield cleanLogLine(line);
    }
    if (!again) break;
    await pause(250, signal);
  }
  if (rest.length > 0) yield cleanLogLine(rest.toString('utf8'));
}

/**
 * Longest line that is kept, in bytes. A longer line without an end is dropped, so that memory stays bounded: nobody
 * reads a line of 16 MiB.
 */
const LONGEST_LINE = 16 << 20;

function readFrom(path: string, offset: number): { size: number; bytes: Buffer } {
  let file: number;
  try {
    file = openOurs(path, constants.O_RDONLY);
  } catch (error) {
    if (error instanceof ForeignFileError) throw error;
    return { size: offset, bytes: Buffer.alloc(0) };
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.max(0, Math.min(size - offset, 1 << 20)));
    return { size, bytes: buffer.subarray(0, readSync(file, buffer, 0, buffer.length, offset)) };
  } finally {
    closeSync(file);
  }
}
