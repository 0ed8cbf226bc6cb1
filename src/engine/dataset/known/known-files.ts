/**
 * Remembers facts about the files of a folder, so that no file is read twice. A file is recognised by path, device,
 * inode, size and times. The facts lie in our own cache; without it everything works, only slower.
 */

import { randomBytes } from 'node:crypto';
import { closeSync, constants, fsyncSync, renameSync, rmSync, type Stats, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { sha256OfText } from '../../../base/files/hash.ts';
import { makePrivateFolder } from '../../../base/files/private-folder.ts';
import { openOurs } from '../../../base/files/regular-file.ts';
import { type Fact, factOf, hashOfPath, isRecordOf, isSettled, MOST_FACT_TEXT, writeRecord } from './record.ts';
import { RecordFile, trailerOf } from './record-file.ts';

export interface KnownPlace {
  /** Our cache; null to remember nothing. */
  readonly cacheDir: string | null;
  /** Absolute path of the folder that the files lie in. */
  readonly root: string;
  /** Kind of facts, which becomes the ending of the cache file: `headers`. */
  readonly kind: string;
  /** Must be raised when the same file would give another fact. */
  readonly version: number;
}

/** Bytes that are collected before they are written. */
const BLOCK = 1 << 20;

/**
 * Old facts, which can be found, and new ones. New facts go to a temporary file at once, so that memory stays flat;
 * `end` adds the old facts that were found and gives the file its name. If two programs do so at the same time, the
 * last one wins.
 */
export class KnownFiles {
  readonly #path: string | undefined;
  readonly #version: number;
  readonly #old: RecordFile | undefined;
  /** For each old record, whether it was found. */
  readonly #found: Uint8Array;
  #out: Out | undefined;
  /** Whether the cache cannot be written. */
  #isReadOnly = false;

  constructor({ cacheDir, root, kind, version }: KnownPlace) {
    this.#path =
      cacheDir === null ? undefined : join(cacheDir, 'pictures', `${sha256OfText(root).slice(0, 32)}.${kind}`);
    this.#version = version;
    this.#old = this.#path === undefined ? undefined : RecordFile.open(this.#path, version);
    this.#found = new Uint8Array(this.#old?.count ?? 0);
  }

  /** The fact about a file, found by its stat alone; undefined when the file is new or changed. */
  find(path: string, stats: Stats): Fact | undefined {
    const old = this.#old;
    if (old === undefined) return undefined;
    try {
      for (const index of old.withHash(hashOfPath(path))) {
        const record = old.at(index);
        if (!isRecordOf(record, stats)) continue;
        this.#found[index] = 1;
        return factOf(record);
      }
    } catch {
      // The cache became unreadable (its disk is gone, or full of errors): the file itself is read.
    }
    return undefined;
  }

  /**
   * Remembers a fact, unless the file may still change unnoticed.
   * @param stats from before the file was read
   */
  keep(path: string, stats: Stats, fact: Fact): void {
    if (this.#path === undefined || this.#isReadOnly) return;
    if (fact.text.length > MOST_FACT_TEXT / 4 || !isSettled(stats, Date.now())) return;
    try {
      this.#out ??= new Out(this.#path);
      this.#out.push(writeRecord(hashOfPath(path), stats, fact));
    } catch {
      this.#isReadOnly = true;
      this.#out?.drop();
    }
  }

  /**
   * Closes the old file, and writes the new one.
   * @param isWhole whether every file was looked up; otherwise old facts that were not looked up are kept too
   */
  end(isWhole: boolean): void {
    const [old, out] = [this.#old, this.#out];
    try {
      if (out === undefined || this.#path === undefined) return;
      for (let i = 0; i < this.#found.length; i += 1)
        if (old !== undefined && (this.#found[i] === 1 || !isWhole)) out.push(old.at(i));
      out.finish(this.#path, this.#version);
    } catch {
      out?.drop();
    } finally {
      old?.close();
    }
  }
}

/** A file of records while it is written, under a name of its own. */
class Out {
  readonly #temporary: string;
  #file: number | undefined;
  #parts: Buffer[] = [];
  #gathered = 0;
  #count = 0;
  #crc = 0;

  constructor(path: string) {
    makePrivateFolder(dirname(path));
    this.#temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`);
    this.#file = openOurs(this.#temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
  }

  /**
   * Adds a record.
   * @param record is copied, since it may be a view of a buffer that changes
   */
  push(record: Buffer): void {
    if (this.#file === undefined) return;
    this.#parts.push(Buffer.from(record));
    this.#gathered += record.length;
    this.#count += 1;
    this.#crc = crc32(record, this.#crc);
    if (this.#gathered >= BLOCK) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#gathered = 0;
    if (this.#file === undefined) return;
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
  }

  finish(path: string, version: number): void {
    if (this.#file === undefined) return;
    this.#parts.push(trailerOf(version, this.#count, this.#crc));
    this.#flush();
    fsyncSync(this.#file);
    closeSync(this.#file);
    this.#file = undefined;
    renameSync(this.#temporary, path);
  }

  drop(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    rmSync(this.#temporary, { force: true });
  }
}
