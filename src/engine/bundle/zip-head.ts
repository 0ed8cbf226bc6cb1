/** Recognises a zip file by its first bytes, without loading the zip reader. */
import { closeSync, readSync } from 'node:fs';
import { openGiven } from '../../base/files/regular-file.ts';

/** Whether a file begins with the signature of a zip file. */
export function isZip(path: string): boolean {
  try {
    const file = openGiven(path);
    try {
      const head = Buffer.alloc(4);
      return readSync(file, head, 0, 4, 0) === 4 && head.readUInt32LE(0) === 0x04034b50;
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}
