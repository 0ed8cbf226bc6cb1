/**
 * A file of records, read through a window: a million records need some 16 MB of memory. A file with anything wrong
 * counts as empty.
 */
import { closeSync, constants, fstatSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { openOurs } from '../../../base/files/regular-file.ts';
import { HashTable } from './hash-table.ts';
import { MOST_FACT_TEXT, RECORD, recordHash, recordText } from './record.ts';

/** Bytes at the end of the file: mark, version, number of records, CRC-32 of all before. */
export const TRAILER = 20;
const MARK = 'vtknown\n';
/** Bytes of a window. It holds the longest record. */
const WINDOW = 2 * (MOST_FACT_TEXT + RECORD);

export function trailerOf(version: number, count: number, crc: number): Buffer {
  const trailer = Buffer.alloc(TRAILER);
  trailer.write(MARK, 0, 'latin1');
  [version, count, crc].forEach((value, i) => {
    trailer.writeUInt32LE(value, 8 + 4 * i);
  });
  return trailer;
}

export class RecordFile {
  /** Number of records. */
  readonly count: number;
  readonly #file: number;
  /** Bytes of all records. */
  readonly #end: number;
  readonly #offsets: Float64Array;
  /** The records by the hash of their path. */
  readonly #table: HashTable;
  readonly #window = Buffer.allocUnsafe(WINDOW);
  #from = 0;
  #filled = 0;

  private constructor(file: number, version: number) {
    this.#file = file;
    const { size } = fstatSync(file);
    this.#end = size - TRAILER;
    const trailer = Buffer.alloc(TRAILER);
    if (this.#end < 0 || readSync(file, trailer, 0, TRAILER, this.#end) !== TRAILER) throw new RangeError('too short');
    this.count = trailer.readUInt32LE(12);
    if (this.count * RECORD > this.#end || !trailer.equals(trailerOf(version, this.count, trailer.readUInt32LE(16))))
      throw new RangeError('another file, or another version');
    this.#offsets = new Float64Array(this.count);
    this.#table = new HashTable(this.count);
    this.#index(trailer.readUInt32LE(16));
  }

  /**
   * Opens a file.
   * @returns undefined where there is no file, or one that is damaged or has another version
   */
  static open(path: string, version: number): RecordFile | undefined {
    let file: number;
    try {
      file = openOurs(path, constants.O_RDONLY);
    } catch {
      return undefined;
    }
    try {
      return new RecordFile(file, version);
    } catch {
      closeSync(file);
      return undefined;
    }
  }

  #index(expected: number): void {
    let crc = 0;
    let at = 0;
    for (let i = 0; i < this.count; i += 1) {
      const record = this.#record(at);
      crc = crc32(record, crc);
      this.#offsets[i] = at;
      this.#table.add(i, recordHash(record));
      at += record.length;
    }
    if (at !== this.#end || crc !== expected) throw new RangeError('damaged');
  }

  /** The numbers of the records whose path has this hash. */
  withHash(hash: number): Iterable<number> {
    return this.#table.withHash(hash);
  }

  /** A record with its text; the buffer is valid until the next call. */
  at(index: number): Buffer {
    return this.#record(this.#offsets[index] ?? 0);
  }

  #record(at: number): Buffer {
    const head = this.#bytes(at, RECORD);
    const text = recordText(head);
    if (text > MOST_FACT_TEXT) throw new RangeError('damaged');
    return text === 0 ? head : this.#bytes(at, RECORD + text);
  }

  #bytes(at: number, length: number): Buffer {
    if (at + length > this.#end) throw new RangeError('cut short');
    if (at < this.#from || at + length > this.#from + this.#filled) {
      this.#from = at;
      this.#filled = readSync(this.#file, this.#window, 0, WINDOW, at);
      if (this.#filled < length) throw new RangeError('cut short');
    }
    return this.#window.subarray(at - this.#from, at - this.#from + length);
  }

  close(): void {
    closeSync(this.#file);
  }
}
