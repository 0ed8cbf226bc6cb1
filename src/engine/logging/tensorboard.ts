/** Writes a run's values into event files that TensorBoard shows while they grow. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, relative } from 'node:path';
import { makeFolder } from '../../base/files/folder.ts';
import { readOurs } from '../../base/files/regular-file.ts';
import type { RunEvent } from '../events/schema.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { textRates } from './text-rates.ts';
import { type LoggedImage, restartRecord, valuesRecord, versionRecord } from './tfevents.ts';
import { valueLog } from './values.ts';

export interface TensorBoardInput {
  readonly runDir: string;
  readonly every: number;
  readonly images: boolean;
  /** Sequence number of the last event that an earlier attempt logged. */
  readonly after: number;
}

export interface EventFile {
  /**
   * Takes events of the run from its beginning. Events up to `after` are not logged, but later values depend on them.
   */
  take(events: readonly RunEvent[]): void;
  close(): void;
}

/** Most bytes of a sample that is logged, and (below) of the file that stores the position. */
const MOST_IMAGE = 8_000_000;
const MOST_POSITION = 1 << 10;
/** Most bytes of run.yaml that are logged as text. */
const MOST_TEXT = 1 << 18;
/** Name of the file with the sequence number of the last event that was logged. */
const POSITION = '.position';

/** The sequence number up to which earlier attempts have logged; 0 when none has. */
export function loggedUpTo(runDir: string): number {
  try {
    const text = readOurs(join(runDir, RUN_FILES.tensorboard, POSITION), MOST_POSITION)?.toString('utf8');
    const seq = Number(text);
    return Number.isSafeInteger(seq) && seq > 0 ? seq : 0;
  } catch {
    return 0;
  }
}

/**
 * Opens a new file, one for each attempt.
 * @throws the file system's error when it cannot be made
 */
export function openEventFile({ runDir, every, images, after }: TensorBoardInput): EventFile {
  const folder = join(runDir, RUN_FILES.tensorboard);
  makeFolder(folder, 0o700);
  const now = Date.now() / 1000;
  const host = hostname().replaceAll(/[^\w.-]/g, '_') || 'host';
  const base = join(folder, `events.out.tfevents.${Math.floor(now)}.${host}.${process.pid}`);
  const file = newFile(base, versionRecord(now));
  const log = valueLog(every, textRates(runDir));
  let last = after;
  const append = (parts: readonly Buffer[]) => {
    if (parts.length === 0) return;
    appendFileSync(file, Buffer.concat(parts));
    writeFileSync(join(folder, POSITION), String(last), { mode: 0o600 });
  };
  return {
    take(events) {
      const parts: Buffer[] = [];
      for (const event of events) {
        const logged = log.take(event);
        if (event.seq <= after) continue;
        last = event.seq;
        if (logged !== undefined) parts.push(valuesRecord(logged.t, logged.step, logged.values));
        else parts.push(...others(event, { runDir, images }));
      }
      append(parts);
    },
    close() {
      const rest = log.rest();
      append(rest === undefined ? [] : [valuesRecord(rest.t, rest.step, rest.values)]);
    },
  };
}

/**
 * Makes a file with the first free name: in a container, process number and second of two attempts can be the same.
 */
function newFile(base: string, head: Buffer): string {
  for (let copy = 0; ; copy += 1) {
    const file = `${base}.${copy}`;
    try {
      writeFileSync(file, head, { flag: 'wx', mode: 0o600 });
      return file;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function others(event: RunEvent, { runDir, images }: Pick<TensorBoardInput, 'runDir' | 'images'>): Buffer[] {
  if (event.type === 'run' && event.attempt === 1) {
    const spec = readOurs(join(runDir, RUN_FILES.spec), MOST_TEXT)?.toString('utf8') ?? '';
    return [valuesRecord(event.t, 0, [{ tag: 'config', text: `    ${spec.replaceAll('\n', '\n    ')}` }])];
  }
  // The next step is the one after the checkpoint's.
  if (event.type === 'start' && event.step > 0) return [restartRecord(event.t, event.step + 1)];
  if (event.type === 'sample' && images) {
    const image = event.adapter ? sampleImage(runDir, event.path) : undefined;
    return image === undefined ? [] : [valuesRecord(event.t, event.step, [{ tag: `samples/${event.index}`, image }])];
  }
  return [];
}

const PNG = Buffer.from('89504e470d0a1a0a', 'hex');

/** A sample from the disk; undefined when it is no PNG inside the run folder. */
function sampleImage(runDir: string, path: string): LoggedImage | undefined {
  const whole = join(runDir, path);
  if (relative(runDir, whole).startsWith('..')) return undefined;
  try {
    const bytes = readOurs(whole, MOST_IMAGE);
    if (bytes === undefined || bytes.length < 24 || !bytes.subarray(0, 8).equals(PNG)) return undefined;
    return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20), bytes };
  } catch {
    return undefined;
  }
}
