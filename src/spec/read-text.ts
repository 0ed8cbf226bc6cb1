import { isUtf8 } from 'node:buffer';
import { isMissing, readProblem } from '../base/files/fs-errors.ts';
import { NotRegularError, openGiven, readAndClose } from '../base/files/regular-file.ts';

const LIMIT = 1024 * 1024;

export type TextFile = { readonly text: string } | { readonly problem: string; readonly line?: number };

/**
 * Reads a settings file as text, or says in one sentence why that is impossible. The file is UTF-8, with or without a
 * byte order mark.
 */
export function readTextFile(path: string): TextFile {
  try {
    return decodeText(
      readAndClose(openGiven(path), LIMIT, (bytes) => {
        throw new TooLargeError(`is ${Math.ceil(bytes / LIMIT)} MiB; a run.yaml is never over 1 MiB`);
      }),
    );
  } catch (error) {
    return { problem: fileProblem(error) };
  }
}

class TooLargeError extends Error {}

/** Decodes UTF-8 strictly and names the likely encoding of anything else. */
export function decodeText(bytes: Buffer): TextFile {
  const [a, b, c] = bytes;
  const utf16 = (a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff);
  if (utf16 || (bytes.length > 3 && (a === 0) !== (b === 0) && (c === 0) === (a === 0)))
    return { problem: 'is saved as UTF-16: save it as UTF-8' };
  // A picture or a model was named, most likely; its first line alone may look like text in another encoding.
  const zero = bytes.indexOf(0);
  if (zero >= 0) return { problem: 'is not text (it holds zero bytes)', line: lineOf(bytes, zero) };
  const start = a === 0xef && b === 0xbb && c === 0xbf ? 3 : 0;
  let line = 1;
  for (let at = start; at < bytes.length; line += 1) {
    const newline = bytes.indexOf(0x0a, at);
    const end = newline < 0 ? bytes.length : newline + 1;
    const part = bytes.subarray(at, end);
    if (!isUtf8(part)) return { problem: 'is not UTF-8 here: save the file as UTF-8', line };
    at = end;
  }
  return { text: bytes.toString('utf8', start) };
}

const lineOf = (bytes: Buffer, at: number): number =>
  bytes.subarray(0, at).reduce((line, byte) => (byte === 0x0a ? line + 1 : line), 1);

function fileProblem(error: unknown): string {
  if (error instanceof TooLargeError) return error.message;
  if (error instanceof NotRegularError) return error.isFolder ? 'is a folder, not a file' : 'is not a regular file';
  return isMissing(error) ? 'does not exist' : readProblem(error);
}
