/** The wizard's facts while it asks. They are read once, and the questions use them. */

import type { Box } from '../../engine/boxes/known.ts';
import type { Scan } from '../../engine/dataset/types.ts';
import type { Arrangement } from '../../engine/prepare/arrangement.ts';
import type { Filled, FilledSpec } from '../../engine/prepare/fill.ts';
import type { NotifySettings } from '../../engine/settings/notify.ts';
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
  /** Name of the box, when another machine trains; its hardware is unknown. */
  readonly box?: string | undefined;
}

/** What was found in the data set's folder. */
export interface FolderFacts {
  readonly path: string;
  /** Number of usable images. */
  readonly images: number;
  readonly usable: number;
  readonly captioned: number;
  /** Folders with images, and the repeats that an `N_name` folder sets. */
  readonly folders: Scan['folders'];
  /** Sources and masks in its sub-folders; undefined for a plain folder. */
  readonly arranged?: Arrangement | undefined;
  /** The word that the names of its folders begin with, as in `10_zwx fox`. */
  readonly namedFor?: string | undefined;
  /** The trigger word that every caption contains already, if there is one. */
  readonly commonWord: string | undefined;
  /** Extension of the caption files, when most are not .txt. */
  readonly captionExtension: string | undefined;
  /** Width and height in pixels of the image with the smallest area, and (below) with the largest. */
  readonly smallest: readonly [number, number] | undefined;
  readonly largest: readonly [number, number] | undefined;
  /** Puts sample prompts from captions into a spec whose prompts nobody gave. */
  readonly prompted?: ((filled: FilledSpec) => FilledSpec) | undefined;
  /** Problems, one line each: the file, what is wrong, what is done about it. */
  readonly problems: readonly string[];
}

export interface ModelState {
  readonly ready: boolean;
  /** Bytes that must still be fetched; undefined when a size is unknown. */
  readonly fetchBytes: number | undefined;
  /** The licence that must be accepted before the model is fetched. */
  readonly license: Registry['models'][number]['license'] | undefined;
}

/** How the person is notified about runs. */
export interface ToldFacts {
  /** The settings that hold now. */
  readonly settings: NotifySettings;
  /** All targets of settings in words; empty when there are none. */
  readonly ways: (settings: NotifySettings) => string;
  /** Whether the environment turns all notices off, whatever the settings say. */
  readonly isOff: boolean;
  readonly by: Chooser;
  /** The settings file with the key, or where it would be set. */
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
  /** A folder with images near the working directory, as a default answer. */
  readonly nearestImages: string | undefined;
  /** The preset of the person's own that the answers began with. */
  readonly preset?: OwnPreset | undefined;
  /** Ids of questions that the preset has answered, so that they are not asked in turn. */
  readonly settled?: ReadonlySet<string> | undefined;
  /** A saved draft, described in words. */
  readonly draft: string | undefined;
  readonly lastMode: string | undefined;
  /** Seconds of a step in earlier runs of the same kind on this machine; undefined where there was none. */
  readonly pace?: (spec: RunSpec) => number | undefined;
  /** Path of the run.yaml that will be written. */
  readonly file: string;
  /**
   * Completes a spec from dotted values. `claimed` says who chose them when it was not the person; `images` is the
   * number of images from which the run's length follows.
   */
  readonly fill: (
    values: Readonly<Record<string, unknown>>,
    claimed: ReadonlyMap<string, Chooser>,
    images: number | undefined,
  ) => Filled;
}
