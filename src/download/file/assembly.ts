/**
 * A partial file on its way to being whole: takes bytes wherever they belong, writes them, journals every finished
 * piece, and hashes the file from the front as far as it is there. What an earlier process left is hashed only after its
 * CRC-32 has agreed.
 */
import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { TailHash } from './hash-thread.ts';
import type { Journal } from './journal.ts';
import { PIECE, type PieceMap } from './pieces.ts';

/** Data is forced to disk at least this often, so that the end has little left to do and a power cut takes little. */
const SYNC_BYTES = 64 << 20;
/** Most pieces the hash is told of ahead of its work, so that a stop need not wait for gigabytes to be read. */
const AHEAD = 32;

export class Assembly {
  readonly pieces: PieceMap;
  /** Pieces that were there and have been written anew. */
  readonly replaced: number[] = [];
  readonly #file: FileHandle;
  readonly #journal: Journal;
  readonly #onDamage: (piece: number) => void;
  /** Pieces this process has written itself. */
  readonly #own = new Set<number>();
  #hash: TailHash;
  #hashedPieces = 0;
  /** Pieces the hash has been told of. */
  #asked = 0;
  #steps: (() => void)[] = [];
  #syncing: Promise<void> | undefined;
  #unsynced = 0;
  #failure: Error | undefined;

  /** `onDamage`: a piece on disk is not what its journal line says, and is to be fetched again. */
  constructor(file: FileHandle, journal: Journal, pieces: PieceMap, onDamage: (piece: number) => void) {
    this.#file = file;
    this.#journal = journal;
    this.pieces = pieces;
    this.#onDamage = onDamage;
    this.#hash = this.#newHash();
    this.#catchUp();
  }

  /** Bytes from the front that are proven: on disk, CRC-checked where they are old, and hashed. */
  get hashedBytes(): number {
    return Math.min(this.#hashedPieces * PIECE, this.pieces.size);
  }

  /**
   * Writes bytes of a piece that is not finished. Written at once and on this thread: the bytes are still in the
   * processor's cache, nothing waits in memory to be lost by a kill, and a slow disk holds the connection back by itself.
   * @throws the disk's error (ENOSPC …)
   */
  write(bytes: Uint8Array, position: number): void {
    if (this.#failure) throw this.#failure;
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#file.fd, bytes, done, bytes.length - done, position + done);
    this.#unsynced += bytes.length;
  }

  /** All bytes of a piece are written: journals it. */
  finish(piece: number, crc: number): void {
    this.pieces.finish(piece, crc);
    this.#own.add(piece);
    this.#journal.record(piece, crc);
    this.#catchUp();
    this.#sync();
  }

  /** Writes a piece that was there in another form. */
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

  /** Tells the hash of every piece that is next and there. */
  #catchUp(): void {
    while (this.#asked < this.#hashedPieces + AHEAD && this.pieces.isDone(this.#asked)) {
      const piece = this.#asked;
      const crc = this.#own.has(piece) ? undefined : this.pieces.crcOf(piece);
      this.#hash.add({ piece, position: piece * PIECE, length: this.pieces.lengthOf(piece), crc });
      this.#asked += 1;
    }
  }

  /** Everything that is there in one piece from the front is hashed, and errors of reading have come up. `onStep` is called now and then. */
  async hashed(onStep: () => void, signal?: AbortSignal): Promise<void> {
    let told = performance.now();
    while (this.#hashedPieces < this.#asked && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#steps.push(resolve);
      });
      signal?.throwIfAborted();
      if (performance.now() - told < 100) continue;
      told = performance.now();
      onStep();
    }
    if (this.#failure) throw this.#failure;
  }

  /** SHA-256 of the whole file; only when all is there and `hashed()`. */
  async digest(): Promise<string> {
    const hex = await this.#hash.digest();
    if (this.#failure) throw this.#failure;
    return hex;
  }

  /** Cuts to size and forces everything to disk. */
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
