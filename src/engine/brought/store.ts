/**
 * Stores data sets that are no folder of the person's own. Each lies in a folder of ours named by its content, so that
 * the same archive under another name is found again.
 */
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { checkRoom } from '../../base/files/disk.ts';
import { makeFolder } from '../../base/files/folder.ts';
import { makePrivateFolder } from '../../base/files/private-folder.ts';
import { statOf } from '../../base/files/stat.ts';
import type { Places } from '../../base/paths.ts';
import type { StepTools } from '../events/step-tools.ts';

export interface Unpacking {
  readonly path: string;
  /** Bytes of the archive. */
  readonly size: number;
  readonly store: StoreFolder;
  /** Called with bytes. */
  readonly progress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

export interface BringInput {
  readonly places: Places;
  readonly env: NodeJS.ProcessEnv;
  readonly tools: StepTools;
}

/** The file that is written last, when the data set is complete. */
const WHOLE = 'whole.json';
/** Bytes between two checks of the disk's free space. */
const LOOK_EVERY = 64 << 20;

/** Called with each part before it is written, and after the last one; both may throw. */
interface Checks {
  readonly onPart?: (part: Buffer) => void;
  readonly onEnd?: () => void;
}

function nameIn(file: string): string | undefined {
  try {
    const { folder } = JSON.parse(readFileSync(file, 'utf8')) as { folder?: unknown };
    return typeof folder === 'string' && /^[\w-][\w.-]*$/u.test(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

export class StoreFolder {
  readonly dir: string;
  /** Where the files of the data set lie. */
  readonly files: string;
  readonly #places: Pick<Places, 'home'>;
  readonly #id: string;
  readonly #name: string;
  #unlooked = LOOK_EVERY;

  /**
   * The folder for a data set.
   * @param id SHA-256 of its content, or of something that identifies the content
   * @param name name of the folder with its files, from which a trigger may be made
   */
  constructor(places: Pick<Places, 'home'>, id: string, { name = 'files', below = '' } = {}) {
    this.dir = join(places.home, 'datasets', id);
    // The same content keeps the name under which it first came.
    this.#name = nameIn(join(this.dir, WHOLE)) ?? (/^[\w.-]+$/u.test(name) && !name.startsWith('.') ? name : 'files');
    this.files = join(this.dir, this.#name, ...below.split('/'));
    this.#places = places;
    this.#id = id;
  }

  /** The same store, with files going into a sub-folder. */
  below(path: string): StoreFolder {
    return new StoreFolder(this.#places, this.#id, { name: this.#name, below: path });
  }

  get isWhole(): boolean {
    return existsSync(join(this.dir, WHOLE));
  }

  begin(): void {
    makePrivateFolder(this.dir);
    makeFolder(this.files, 0o700);
  }

  /**
   * Marks the data set as complete.
   * @param what its origin, for people who look into the folder
   */
  end(what: Readonly<Record<string, unknown>>): void {
    writeFileAtomic(join(this.dir, WHOLE), `${JSON.stringify({ folder: this.#name, ...what })}\n`, 0o600);
  }

  /** Whether a file of that many bytes is there, which an earlier try wrote as a whole. */
  has(path: string, bytes: number | undefined): boolean {
    const found = statOf(this.#at(path));
    return found?.isFile() === true && (bytes === undefined || found.size === bytes);
  }

  at(path: string): string {
    const full = this.#at(path);
    makeFolder(dirname(full), 0o700);
    return full;
  }

  /** Writes a file whole or not at all: when a check throws, the part is removed. */
  async write(path: string, parts: Readable | Iterable<Buffer>, { onPart, onEnd }: Checks = {}): Promise<void> {
    const temporary = join(this.dir, 'part');
    const full = this.at(path);
    const file = await open(temporary, 'w', 0o600);
    try {
      for await (const part of parts) {
        const bytes = part as Buffer;
        onPart?.(bytes);
        this.#room(bytes.length);
        await file.writeFile(bytes);
      }
      onEnd?.();
    } catch (error) {
      await file.close();
      rmSync(temporary, { force: true });
      throw error;
    }
    await file.close();
    renameSync(temporary, full);
  }

  /**
   * Checks the free space.
   * @throws EnvironmentError when the disk would become full
   */
  #room(bytes: number): void {
    this.#unlooked += bytes;
    if (this.#unlooked < LOOK_EVERY) return;
    this.#unlooked = 0;
    checkRoom(this.dir, LOOK_EVERY, 'the data set');
  }

  #at(path: string): string {
    return join(this.files, ...path.split('/'));
  }
}
