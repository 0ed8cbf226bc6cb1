/** What a transfer knows about its file, and where it reports. */
import type { PartialFile } from '../file/partial-file.ts';
import type { Client } from '../http/client.ts';
import type { DownloadSettings } from '../http/settings.ts';
import type { PartialPiece } from './connection.ts';
import type { Throttle } from './meter.ts';

/** Receives the reports of a transfer. */
export interface Watcher {
  /** Counts bytes. `fresh` of them are gained for the whole file (or given up, when negative). */
  received(bytes: number, fresh: number): void;
  connections(count: number): void;
  /** Reports something that a person should know: a wait, a change of plan. */
  note(text: string): void;
}

/** A file that is being put together, without its source. */
export interface SourceJob {
  readonly client: Client;
  readonly partialFile: PartialFile;
  readonly settings: DownloadSettings;
  readonly throttle: Throttle | undefined;
  readonly partial: Map<number, PartialPiece>;
  readonly name: string;
  readonly sha256: string;
  readonly signal: AbortSignal;
  readonly watcher: Watcher;
}
