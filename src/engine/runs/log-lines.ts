import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { neutralise } from '../text.ts';

/** A line of a log as it can be shown: of a bar that was redrawn the last state, and nothing that moves the cursor. */
export function cleanLogLine(line: string): string {
  const shown = line.replace(/\r+$/, '').split('\r').at(-1) ?? '';
  return neutralise(stripVTControlCharacters(shown)).trimEnd();
}

/** The last `count` lines of a file that are not empty, cleaned; none when there is no file. */
export function lastLogLines(path: string, count: number): string[] {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, 1 << 16));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    const lines = buffer.toString('utf8').split('\n').map(cleanLogLine);
    return lines.filter((line) => line !== '').slice(-count);
  } finally {
    closeSync(file);
  }
}
