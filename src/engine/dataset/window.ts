/** Reads the beginning of many files after one another without a new buffer for each. */
import { readSync } from 'node:fs';
import { FIRST_BYTES } from './headers/image-header.ts';

const window = Buffer.alloc(FIRST_BYTES);
const second = Buffer.alloc(FIRST_BYTES);

/**
 * Serves reads from a window at the file's start, which all files share, and from a second window that follows later
 * reads.
 */
export function windowReader(file: number) {
  let filled = -1;
  let behind = 0;
  let behindFilled = 0;
  return (from: number, length: number): Buffer => {
    if (filled < 0) filled = readSync(file, window, 0, FIRST_BYTES, 0);
    if (from + length <= filled || (from < filled && filled < FIRST_BYTES))
      return window.subarray(from, Math.min(filled, from + length));
    if (length > FIRST_BYTES) {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(file, buffer, 0, length, from));
    }
    if (from < behind || from + length > behind + behindFilled) {
      behind = from;
      behindFilled = readSync(file, second, 0, FIRST_BYTES, from);
    }
    return second.subarray(from - behind, Math.min(behindFilled, from - behind + length));
  };
}
