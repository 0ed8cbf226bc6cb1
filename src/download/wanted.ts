/** What a download is asked for. */
import type { Source } from './http/source.ts';
import type { FileReporter } from './transfer/report.ts';

export interface WantedFile {
  /** Absolute path it gets in the end. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number | undefined;
  readonly sources: readonly Source[];
  /** Name in reports. */
  readonly name: string;
}

/** Puts the file in place from elsewhere; the path it was found at, or undefined. */
export type Reuse = (wanted: WantedFile, report: FileReporter, signal: AbortSignal) => Promise<string | undefined>;
