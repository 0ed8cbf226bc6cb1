/**
 * Measures how many bytes of the packages have been downloaded, and how fast. pip prints no progress into a pipe, but
 * its downloads stay in its temporary folder until all are there; uv prints the size of each large file, and when it
 * is complete.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sizeOf } from '../../../base/files/disk.ts';

export interface PackageBytes {
  readonly done: number;
  /** Absent when more bytes have come than expected. */
  readonly total?: number;
  /** Bytes per second over the last seconds; absent at first, and while no bytes come. */
  readonly rate?: number;
}

export interface Meter {
  /** Takes a line of the installer's output. */
  line(text: string): void;
  /** The progress so far; undefined before the first byte. */
  look(): PackageBytes | undefined;
  /** Must be called between two runs of an installer, since its temporary folder may be empty then. */
  settle(): void;
}

export interface MeterInput {
  /** The installer's temporary folder. */
  readonly folder: string;
  /** Bytes of all downloads, according to a table; 0 when unknown. */
  readonly expected: number;
  /** The time in seconds, for the rate. */
  readonly now?: () => number;
}

/** Seconds over which the rate is averaged. */
const WINDOW = 15;

export function packageMeter({ folder, expected, now = () => performance.now() / 1000 }: MeterInput): Meter {
  const listed = new Map<string, number>();
  const come = new Set<string>();
  let settled = 0;
  let most = 0;
  let samples: { readonly t: number; readonly done: number }[] = [];
  const done = () => {
    most = Math.max(most, fetchedBytes(folder));
    const complete = [...come].reduce((sum, name) => sum + (listed.get(name) ?? 0), 0);
    return settled + most + complete;
  };
  return {
    line(text) {
      const begun = /^\s*Downloading (\S+) \(([\d.]+) ?([KMG]i?B)\)\s*$/iu.exec(text);
      const size = begun === null ? undefined : Number(begun[2]) * (UNITS[(begun[3] ?? '').toLowerCase()] ?? 0);
      // This is a file of pip, which is measured in pip's folder instead.
      if (begun !== null && size !== undefined && !/\.(whl|metadata|gz|zip)$/u.test(begun[1] ?? ''))
        listed.set(begun[1] ?? '', size);
      const ended = /^\s*Downloaded (\S+)\s*$/u.exec(text);
      if (ended !== null) come.add(ended[1] ?? '');
    },
    look() {
      const bytes = done();
      if (bytes === 0) return undefined;
      const t = now();
      samples = [...samples.filter((sample) => t - sample.t <= WINDOW), { t, done: bytes }];
      const [first] = samples;
      const rate = first === undefined || t - first.t < 1 ? 0 : (bytes - first.done) / (t - first.t);
      return {
        done: bytes,
        ...(bytes <= expected ? { total: expected } : {}),
        ...(rate > 0 ? { rate } : {}),
      };
    },
    settle() {
      settled += Math.max(most, fetchedBytes(folder));
      most = 0;
    },
  };
}

const UNITS: Readonly<Record<string, number>> = {
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** Bytes of wheels in pip's folders, of which each run has one or two. They may vanish at any time. */
function fetchedBytes(folder: string): number {
  return list(folder)
    .filter((name) => name.startsWith('pip-'))
    .flatMap((name) => list(join(folder, name)).map((file) => join(folder, name, file)))
    .reduce((sum, path) => sum + (path.endsWith('.whl') ? (sizeOf(path) ?? 0) : 0), 0);
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
