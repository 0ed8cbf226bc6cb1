/** The value of each key that the person does not give, as decided by the base model's registry entry. */

import { findBase, neutralEntry } from '../../registry/catalogue/find.ts';
import { recipeFor } from '../../registry/catalogue/recipes.ts';
import type { ModelEntry, Registry } from '../../registry/catalogue/schema.ts';
import type { ModelFacts } from '../../registry/checkpoints/identify.ts';
import type { Chooser, Family, Goal, Prediction, RunSpec } from '../../spec/schema.ts';

export interface Preset {
  readonly value: unknown;
  readonly by: Chooser;
}

export interface BaseModel {
  /** The registry entry with that id; undefined for a file or folder of the person's own. */
  readonly entry: ModelEntry | undefined;
  /** Facts read from the person's own file; undefined when there is an entry or the file could not be read. */
  readonly facts: ModelFacts | undefined;
}

/** The entry with the recipe that applies: the model's own entry, or that of the plain base of its family. */
export function recipeEntryOf({ registry, model, family, prediction }: Omit<Wanted, 'goal' | 'trigger'>) {
  const { entry, facts } = model;
  const kind = family ?? facts?.family;
  return entry ?? neutralEntry(registry, kind, prediction ?? facts?.prediction ?? 'epsilon');
}

interface Wanted {
  readonly registry: Registry;
  readonly model: BaseModel;
  readonly goal: Goal;
  readonly trigger: string;
  /** Family that the person gives, for a file that does not tell. */
  readonly family: Family | undefined;
  readonly prediction: Prediction | undefined;
}

/**
 * Values in recipes of models that predict noise which a model of rectified flow must not have: it could not be
 * sampled with them.
 */
const ofFlow: readonly (readonly [string, unknown])[] = [
  ['training.min_snr_gamma', null],
  ['training.loss_weighting', 'none'],
  ['training.noise_offset', 0],
  ['training.multires_noise', null],
  ['samples.sampler', 'euler'],
  ['samples.spacing', 'trailing'],
];

/**
 * Values by dotted key. A file of the person's own gets the recipe of the first registry entry of its family (and
 * prediction, if known): the registry lists the plain base of each family first.
 */
export function presetValues(wanted: Wanted): ReadonlyMap<string, Preset> {
  const values = new Map<string, Preset>();
  const { entry, facts } = wanted.model;
  const { goal, trigger } = wanted;
  const recipeEntry = recipeEntryOf(wanted);
  const set = (key: string, value: unknown, by: Chooser = 'preset') => values.set(key, { value, by });

  if (entry !== undefined) {
    set('model.family', entry.family);
    set('model.prediction', entry.prediction);
    set('model.zero_terminal_snr', entry.zero_terminal_snr);
  } else if (facts !== undefined) {
    set('model.family', facts.family, 'detected');
    set('model.prediction', facts.prediction, 'detected');
    set('model.zero_terminal_snr', facts.zeroTerminalSnr, 'detected');
    if (facts.flowShift !== undefined) set('model.flow_shift', facts.flowShift, 'detected');
    if (facts.vaeScaling !== undefined) set('model.vae_scaling', facts.vaeScaling, 'detected');
  }
  if ((entry?.prediction ?? wanted.prediction ?? facts?.prediction) === 'flow')
    for (const [key, value] of ofFlow) set(key, value);
  if (recipeEntry === undefined) return values;

  set('samples.negative', recipeEntry.negative_prompt);
  // Facts from the person's file override those of the plain base of its family.
  for (const [key, value] of Object.entries(recipeFor(recipeEntry, goal, trigger))) {
    if (!values.has(key)) set(key, value);
  }
  return values;
}

/** The recipe's value for a key, for the base of a complete spec; undefined where the recipe has none. */
export function recipeOf({ model, dataset }: RunSpec, registry: Registry): (key: string) => unknown {
  const values = presetValues({
    registry,
    model: { entry: findBase(registry, model.base), facts: undefined },
    goal: dataset.goal,
    trigger: dataset.trigger,
    family: model.family,
    prediction: model.prediction,
  });
  return (key) => values.get(key)?.value;
}
