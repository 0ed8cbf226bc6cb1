/**
 * A partial file on its way to being whole: takes pieces in any order, writes them, journals them, and hashes the file
 * from the front as far as it is there. A piece that arrives in order is hashed from memory; any other (and everything
 * an earlier process left) is read back, its CRC-32 checked first.
 */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { Journal } from './journal.ts';
import { PIECE, type PieceMap } from './pieces.ts';

/** Data is forced to disk at least this often, so that the end has little left to do and a power cut takes little. */
const SYNC_BYTES = 64 << 20;

export class Assembly {
  readonly pieces: PieceMap;
  /** Pieces that were there and have been written anew. */
  readonly replaced: number[] = [];
  readonly #file: FileHandle;
  readonly #journal: Journal;
  readonly #onDamage: (piece: number) => void;
  #hash: Hash = createHash('sha256');
  #hashedPieces = 0;
  #reading: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  #unsynced = 0;
  #failure: Error | undefined;
  #closed = false;

  /** `onDamage`: a piece on disk is not what its journal line says, and is to be fetched again. */
  constructor(file: FileHandle, journal: Journal, pieces: PieceMap, onDamage: (piece: number) => void) {
    this.#file = file;
    this.#journal = journal;
    this.pieces = pieces;
    this.#onDamage = onDamage;
    this.#catchUp();
  }

  /** Bytes from the front that are proven: read or received, CRC-checked and hashed. */
  get hashedBytes(): number {
    return Math.min(this.#hashedPieces * PIECE, this.pieces.size);
  }

  /**
   * Writes one whole piece with this CRC-32. Resolves when it is written and journalled.
   * @throws the disk's error (ENOSPC …)
   */
  async put(piece: number, buffers: Buffer[], crc: number): Promise<void> {
    if (this.#failure) throw this.#failure;
    await this.#write(buffers, piece * PIECE);
    if (this.#closed) return;
    if (this.pieces.isDone(piece)) this.replaced.push(piece);
    this.pieces.finish(piece, crc);
    this.#journal.record(piece, crc);
    if (piece === this.#hashedPieces && this.#reading === undefined) {
      for (const buffer of buffers) this.#hash.update(buffer);
      this.#hashedPieces += 1;
    } else if (piece < this.#hashedPieces) this.#restartHash();
    this.#catchUp();
    this.#sync(buffers);
  }

  async #write(buffers: Buffer[], position: number): Promise<void> {
    let rest = buffers;
    let at = position;
    while (rest.length > 0) {
      const { bytesWritten } = await this.#file.writev(rest, at);
      at += bytesWritten;
      rest = without(rest, bytesWritten);
    }
  }

  #sync(buffers: Buffer[]): void {
    for (const buffer of buffers) this.#unsynced += buffer.length;
    if (this.#unsynced < SYNC_BYTES || this.#syncing !== undefined) return;
    this.#unsynced = 0;
    this.#syncing = this.#file
      .datasync()
      .catch((error: Error) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#syncing = undefined;
      });
  }

  /** Starts reading back what is on disk but not hashed yet, unless that goes on already. */
  #catchUp(): void {
    if (this.#reading !== undefined || this.#closed || !this.#canHash()) return;
    this.#reading = this.#readBack()
      .catch((error: Error) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#reading = undefined;
        if (this.#failure === undefined) this.#catchUp();
      });
  }

  #canHash(): boolean {
    return this.#hashedPieces < this.pieces.count && this.pieces.isDone(this.#hashedPieces);
  }

  async #readBack(): Promise<void> {
    const buffer = Buffer.allocUnsafe(PIECE);
    while (this.#canHash() && !this.#closed) {
      const piece = this.#hashedPieces;
      const hash = this.#hash;
      const length = this.pieces.lengthOf(piece);
      const data = buffer.subarray(0, await readFully(this.#file, buffer, length, piece * PIECE));
      // A restart of the hash, or a new claim on the piece, may have come in between.
      if (hash !== this.#hash || piece !== this.#hashedPieces) continue;
      if (data.length === length && crc32(data) === this.pieces.crcOf(piece)) {
        hash.update(data);
        this.#hashedPieces += 1;
      } else {
        this.pieces.forget(piece);
        this.#onDamage(piece);
      }
    }
  }

  #restartHash(): void {
    this.#hash = createHash('sha256');
    this.#hashedPieces = 0;
  }

  /** Everything that is there is hashed, and errors of reading have come up. `onStep` is called now and then. */
  async hashed(onStep: () => void): Promise<void> {
    while (this.#reading !== undefined) {
      await Promise.race([this.#reading, new Promise((resolve) => setTimeout(resolve, 100).unref())]);
      onStep();
    }
    if (this.#failure) throw this.#failure;
  }

  /** SHA-256 of the whole file; only when all is there and `hashed()`. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Cuts to size and forces everything to disk. */
  async seal(): Promise<void> {
    await this.#syncing;
    await this.#file.truncate(this.pieces.size);
    await this.#file.sync();
    if (this.#failure) throw this.#failure;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#reading;
    await this.#syncing;
    this.#journal.close();
    await this.#file.close();
  }
}

/** Opens (or creates) the partial file for reading and writing. */
export async function openPart(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return await open(path, 'wx+', 0o644);
  }
}

/** Bytes read: fewer than `length` only at the end of the file. */
export async function readFully(file: FileHandle, buffer: Buffer, length: number, position: number): Promise<number> {
  let got = 0;
  while (got < length) {
    const { bytesRead } = await file.read(buffer, got, length - got, position + got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return got;
}

/** `buffers` without their first `count` bytes. */
function without(buffers: Buffer[], count: number): Buffer[] {
  const rest = [...buffers];
  let left = count;
  for (let first = rest[0]; first !== undefined && left >= first.length; first = rest[0]) {
    left -= first.length;
    rest.shift();
  }
  if (left > 0 && rest[0] !== undefined) rest[0] = rest[0].subarray(left);
  return rest;
}
