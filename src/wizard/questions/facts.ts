/** What the wizard knows while it asks. The driver reads it once, and the questions use it. */

import type { Box } from '../../engine/boxes/known.ts';
import type { Scan } from '../../engine/dataset/types.ts';
import type { Arrangement } from '../../engine/prepare/arrangement.ts';
import type { Filled } from '../../engine/prepare/fill.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import type { OwnPreset } from '../../spec/own-preset.ts';
import type { Chooser, RunSpec } from '../../spec/schema.ts';

export interface Card {
  readonly index: number;
  readonly name: string;
  readonly totalGb: number;
  readonly freeGb: number;
  /** Name of the device in torch. */
  readonly device: string;
  readonly bf16: boolean;
}

export interface Machine {
  readonly cards: readonly Card[];
  readonly cpuCores: number;
  readonly memoryGb: number;
  readonly diskFreeBytes: number | undefined;
  /** Name of the box, where it is another machine than this; what it has is not known. */
  readonly box?: string | undefined;
}

/** What was found in the data set's folder. */
export interface FolderFacts {
  readonly path: string;
  /** Number of pictures that were found and can be used. */
  readonly images: number;
  readonly usable: number;
  readonly captioned: number;
  /** Folders with pictures, and how often each of their pictures is used, which an `N_name` folder says. */
  readonly folders: Scan['folders'];
  /** Sources and masks that its sub-folders make; undefined for a plain folder. */
  readonly arranged?: Arrangement | undefined;
  /** The word that the names of its folders begin with, as in `10_zwx fox`. */
  readonly namedFor?: string | undefined;
  /** The trigger word that every caption contains already, if there is one. */
  readonly commonWord: string | undefined;
  /** Extension of the caption files, when it is not .txt. */
  readonly otherCaptions: string | undefined;
  /** Width and height in pixels of the picture with the smallest and with the largest area. */
  readonly smallest: readonly [number, number] | undefined;
  readonly largest: readonly [number, number] | undefined;
  /** Problems, one line each: which file, what is wrong, what is done about it. */
  readonly problems: readonly string[];
}

export interface ModelState {
  readonly ready: boolean;
  /** Bytes that must still be fetched; undefined when a size is unknown. */
  readonly fetchBytes: number | undefined;
  /** The licence that must be accepted before the model is fetched. */
  readonly license: Registry['models'][number]['license'] | undefined;
}

/** How the person is told of runs. */
export interface ToldFacts {
  /** All ways in words; empty where nobody is told. */
  readonly ways: string;
  readonly by: Chooser;
  /** The settings file that says so, or that could. */
  readonly file: string;
}

export interface WizardFacts {
  readonly cwd: string;
  readonly home: string;
  readonly machine: Machine;
  /** Other machines that train for the person, as `hosts add` keeps them. */
  readonly boxes: readonly Box[];
  readonly told: ToldFacts;
  readonly registry: Registry;
  readonly models: ReadonlyMap<string, ModelState>;
  /** Taggers and captioners, by id. */
  readonly assets: ReadonlyMap<string, ModelState>;
  readonly folder: FolderFacts | undefined;
  /** A folder with pictures near the working directory, as a default answer. */
  readonly nearestImages: string | undefined;
  /** The preset of the person's own that the answers began with. */
  readonly preset?: OwnPreset | undefined;
  /** Ids of questions that it has answered, and that are not asked in their turn. */
  readonly settled?: ReadonlySet<string> | undefined;
  /** A saved draft, described in words. */
  readonly draft: string | undefined;
  readonly lastMode: string | undefined;
  /** Seconds of a step as earlier runs of the kind took here; undefined where there was none. */
  readonly pace?: (spec: RunSpec) => number | undefined;
  /** Path of the run.yaml that will be written. */
  readonly file: string;
  /**
   * Completes a spec from dotted values. `claimed` says who chose them when it was not the person; `images` is the
   * number of images that the run's length is for.
   */
  readonly fill: (
    values: Readonly<Record<string, unknown>>,
    claimed: ReadonlyMap<string, Chooser>,
    images: number | undefined,
  ) => Filled;
}
