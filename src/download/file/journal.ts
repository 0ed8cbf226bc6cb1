/**
 * The journal beside a partial file. Its first line says which file it is; each further line names a finished piece, in
 * the order of writing. It is append-only; a torn or unreadable line is skipped. Each line carries the CRC-32 of its
 * piece, and no piece counts before it has been read back and agrees. So a line whose data was lost in a power cut
 * costs a piece, never a wrong file.
 */
import { constants, fsyncSync, readFileSync, writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { readOurs } from '../../base/files/regular-file.ts';
import { openOwn } from './own-file.ts';
import { isFileSize, PIECE, PieceMap } from './pieces.ts';

const VERSION = 1;

/**
 * Most bytes of a journal. A line has at most 17 bytes; the largest file has a million lines, each perhaps written
 * anew.
 */
const MOST = 64 << 20;

/** The file that the bytes will become. A journal with another identity belongs to another file. */
export interface Identity {
  readonly sha256: string;
  readonly size: number;
}

interface Header extends Identity {
  readonly v: number;
  readonly piece: number;
}

export class Journal {
  readonly path: string;
  readonly #file: FileHandle;

  constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  record(piece: number, crc: number): void {
    writeSync(this.#file.fd, `${piece} ${crc.toString(16).padStart(8, '0')}\n`);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Reads a journal; undefined when there is none or it has an unknown version. */
export function readJournal(path: string): { identity: Identity; pieces: PieceMap } | undefined {
  let text: string | undefined;
  try {
    text = readOurs(path, MOST)?.toString('latin1');
  } catch {}
  if (text === undefined) return undefined;
  // Whatever follows the last line end was being written when the process died.
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  const header = parseHeader(lines[0]);
  if (header === undefined) return undefined;
  const pieces = new PieceMap(header.size);
  for (const line of lines.slice(1)) {
    const match = /^(\d+) ([0-9a-f]{8})$/.exec(line);
    if (match) pieces.finish(Number(match[1]), Number.parseInt(match[2] ?? '', 16));
  }
  return { identity: header, pieces };
}

function parseHeader(line: string | undefined): Header | undefined {
  try {
    const header = JSON.parse(line ?? '') as Header;
    const sane = header.v === VERSION && header.piece === PIECE && isFileSize(header.size);
    return sane && typeof header.sha256 === 'string' ? header : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Continues the journal at `path`, or starts it anew.
 * @throws {EnvironmentError} when what lies there is not a file of this user
 */
export async function openJournal(path: string, identity: Identity, { fresh }: { fresh: boolean }): Promise<Journal> {
  const file = await openOwn(path, constants.O_APPEND);
  if (fresh) {
    await file.truncate(0);
    const header: Header = { v: VERSION, piece: PIECE, sha256: identity.sha256, size: identity.size };
    writeSync(file.fd, `${JSON.stringify(header)}\n`);
    fsyncSync(file.fd);
  } else if (!readFileSync(file.fd, 'latin1').endsWith('\n')) writeSync(file.fd, '\n');
  return new Journal(path, file);
}
