/**
 * A partial file. It takes bytes at any position, writes them, notes every finished piece in the journal, and hashes
 * the file from the front as far as it is complete. Pieces of an earlier process are hashed only after their CRC-32 has
 * agreed.
 */
import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { TailHash } from './hash-thread.ts';
import type { Journal } from './journal.ts';
import { PIECE, type PieceMap } from './pieces.ts';

/** Data is synced to disk after this many bytes, so that the end has little left to do and a power cut loses little. */
const SYNC_BYTES = 64 << 20;
/**
 * The hash thread is told of at most this many pieces ahead of its work, so that a stop need not wait for gigabytes of
 * reading.
 */
const AHEAD = 32;

export class PartialFile {
  readonly pieces: PieceMap;
  /** Pieces that were on disk with wrong bytes and have been written anew. */
  readonly replaced: number[] = [];
  readonly #file: FileHandle;
  readonly #journal: Journal;
  readonly #onDamage: (piece: number) => void;
  /** Pieces that this process has written. */
  readonly #own = new Set<number>();
  #hash: TailHash;
  #hashedPieces = 0;
  /** Number of pieces, from the front, that the hash thread has been told of. */
  #asked = 0;
  #steps: (() => void)[] = [];
  #syncing: Promise<void> | undefined;
  #unsynced = 0;
  #failure: Error | undefined;

  /** @param onDamage called when a piece on disk is not what its journal line says and must be fetched again */
  constructor(file: FileHandle, journal: Journal, pieces: PieceMap, onDamage: (piece: number) => void) {
    this.#file = file;
    this.#journal = journal;
    this.pieces = pieces;
    this.#onDamage = onDamage;
    this.#hash = this.#newHash();
    this.#catchUp();
  }

  /**
   * Bytes from the front that are proven: they are on disk, CRC-checked where an earlier process wrote them, and
   * hashed.
   */
  get hashedBytes(): number {
    return Math.min(this.#hashedPieces * PIECE, this.pieces.size);
  }

  /**
   * Writes bytes of a piece that is not finished. The write is done at once and on this thread: the bytes are still in
   * the processor's cache, a kill loses nothing that waits in memory, and a slow disk slows the connection down.
   * @throws the disk's error (ENOSPC …)
   */
  write(bytes: Uint8Array, position: number): void {
    if (this.#failure) throw this.#failure;
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#file.fd, bytes, done, bytes.length - done, position + done);
    this.#unsynced += bytes.length;
  }

  /** Notes in the journal that all bytes of a piece are written. */
  finish(piece: number, crc: number): void {
    this.pieces.finish(piece, crc);
    this.#own.add(piece);
    this.#journal.record(piece, crc);
    this.#catchUp();
    this.#sync();
  }

  /** Overwrites a finished piece whose bytes were wrong. */
  replace(piece: number, bytes: Uint8Array, crc: number): void {
    this.write(bytes, piece * PIECE);
    this.replaced.push(piece);
    if (piece < this.#asked) this.#restartHash();
    this.finish(piece, crc);
  }

  #sync(): void {
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

  #newHash(): TailHash {
    const hash = new TailHash(
      this.#file.fd,
      (piece, good) => {
        if (hash !== this.#hash) return;
        if (good) this.#hashedPieces = piece + 1;
        else {
          this.#asked = piece;
          this.pieces.forget(piece);
          this.#onDamage(piece);
        }
        this.#catchUp();
        this.#stepped();
      },
      (error) => {
        this.#failure ??= error;
        this.#stepped();
      },
    );
    return hash;
  }

  #stepped(): void {
    for (const step of this.#steps.splice(0)) step();
  }

  #restartHash(): void {
    void this.#hash.drop();
    this.#hash = this.#newHash();
    this.#hashedPieces = 0;
    this.#asked = 0;
  }

  /** Tells the hash thread of the next pieces that are on disk. */
  #catchUp(): void {
    while (this.#asked < this.#hashedPieces + AHEAD && this.pieces.isDone(this.#asked)) {
      const piece = this.#asked;
      const crc = this.#own.has(piece) ? undefined : this.pieces.crcOf(piece);
      this.#hash.add({ piece, position: piece * PIECE, length: this.pieces.lengthOf(piece), crc });
      this.#asked += 1;
    }
  }

  /**
   * Resolves when all pieces that are complete from the front are hashed. `onStep` is called now and then.
   * @throws the error of reading the file
   */
  async hashed(onStep: () => void, signal?: AbortSignal): Promise<void> {
    let reportedAt = performance.now();
    while (this.#hashedPieces < this.#asked && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#steps.push(resolve);
      });
      signal?.throwIfAborted();
      if (performance.now() - reportedAt < 100) continue;
      reportedAt = performance.now();
      onStep();
    }
    if (this.#failure) throw this.#failure;
  }

  /** SHA-256 of the whole file, as hex. All pieces must be there, and `hashed()` must have resolved. */
  async digest(): Promise<string> {
    const hex = await this.#hash.digest();
    if (this.#failure) throw this.#failure;
    return hex;
  }

  /** Truncates the file to its size and syncs it to disk. */
  async seal(): Promise<void> {
    await this.#syncing;
    await this.#file.truncate(this.pieces.size);
    await this.#file.sync();
    if (this.#failure) throw this.#failure;
  }

  async close(): Promise<void> {
    await this.#hash.drop();
    await this.#syncing;
    await this.#journal.close();
    await this.#file.close();
  }
}
