/** What the wizard knows while it asks: read once by the driver, looked at by questions. */

import type { Scan } from '../../engine/dataset/types.ts';
import type { Filled } from '../../engine/prepare/fill.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import type { Chooser } from '../../spec/schema.ts';

export interface Card {
  readonly index: number;
  readonly name: string;
  readonly totalGb: number;
  readonly freeGb: number;
  /** As torch names it. */
  readonly device: string;
  readonly bf16: boolean;
}

export interface Machine {
  readonly cards: readonly Card[];
  readonly cpuCores: number;
  readonly memoryGb: number;
  readonly diskFreeBytes: number | undefined;
}

/** What was found in the data set's folder. */
export interface FolderFacts {
  readonly path: string;
  /** Found, and found fit to be used. */
  readonly pictures: number;
  readonly usable: number;
  readonly captioned: number;
  /** Folders with pictures, and how often each picture in them is used: an `N_name` folder says so. */
  readonly folders: Scan['folders'];
  /** The trigger that is in every caption already. */
  readonly commonWord: string | undefined;
  /** Extension of caption files when they are not .txt. */
  readonly otherCaptions: string | undefined;
  /** Width and height in pixels of the picture with the smallest and with the largest area. */
  readonly smallest: readonly [number, number] | undefined;
  readonly largest: readonly [number, number] | undefined;
  /** One line each: which file, what is wrong, what is done about it. */
  readonly problems: readonly string[];
}

export interface ModelState {
  readonly ready: boolean;
  /** Bytes still to be fetched; undefined when a size is unknown. */
  readonly fetchBytes: number | undefined;
  /** To be accepted before it is fetched. */
  readonly license: Registry['models'][number]['license'] | undefined;
}

export interface Facts {
  readonly cwd: string;
  readonly home: string;
  readonly machine: Machine;
  readonly registry: Registry;
  readonly models: ReadonlyMap<string, ModelState>;
  readonly folder: FolderFacts | undefined;
  /** Folder with pictures near the working directory, as a default. */
  readonly nearestPictures: string | undefined;
  /** A saved draft, in words. */
  readonly draft: string | undefined;
  readonly lastMode: string | undefined;
  /** run.yaml that would be written. */
  readonly file: string;
  /**
   * Completes a spec from dotted values; `claimed` says who chose them when it was not the person, `images` how many
   * the length of the run is for.
   */
  readonly fill: (
    values: Readonly<Record<string, unknown>>,
    claimed: ReadonlyMap<string, Chooser>,
    images: number | undefined,
  ) => Filled;
}
