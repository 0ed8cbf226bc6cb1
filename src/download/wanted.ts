/** A file that a download is asked for. */
import type { Source } from './http/source.ts';
import type { FileReporter } from './transfer/report.ts';

export interface WantedFile {
  /** Absolute path of the finished file. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number | undefined;
  readonly sources: readonly Source[];
  /** Name of the file in reports. */
  readonly name: string;
}

/** Puts the file in place from a copy on this machine; returns the path of that copy, or undefined. */
export type Reuse = (wanted: WantedFile, report: FileReporter, signal: AbortSignal) => Promise<string | undefined>;
