/**
 * How often something is done, or how long a run is: a number of steps, or a text such as `2 epochs` or `30m`. Pure.
 */
import { plural } from '../../base/text.ts';

/** A value of run.yaml: steps (0: never), or a text that `readCadence` understands. */
export type CadenceValue = number | string;

export interface Cadence {
  readonly count: number;
  readonly unit: 'steps' | 'epochs' | 'minutes';
}

/** Texts of run.yaml for epochs, minutes and hours. */
export const EPOCHS = /^[1-9][0-9]{0,5} ?epochs?$/;
export const CADENCE = /^[1-9][0-9]{0,5} ?(epochs?|m|min|minutes?|h|hours?)$/;

/**
 * The unit and number in a value of run.yaml.
 * @throws TypeError for a text that the schema would have refused
 */
export function readCadence(every: CadenceValue): Cadence {
  if (typeof every === 'number') return { count: every, unit: 'steps' };
  const [, digits, unit = ''] = /^(\d+) ?([a-z]+)$/.exec(every) ?? [];
  if (digits === undefined || !CADENCE.test(every)) throw new TypeError(`no cadence: ${every}`);
  const count = Number(digits);
  if (unit.startsWith('e')) return { count, unit: 'epochs' };
  return { count: unit.startsWith('h') ? 60 * count : count, unit: 'minutes' };
}

/** The value as it is written into plan.json, in one form for each meaning: a number, `2 epochs` or `30 minutes`. */
export function plannedCadence(every: CadenceValue): CadenceValue {
  const { count, unit } = readCadence(every);
  return unit === 'steps' ? count : `${count} ${unit}`;
}

/** The value in words: `100 steps`, `1 epoch`, `30 minutes`. */
export function cadenceWords(every: CadenceValue): string {
  const { count, unit } = readCadence(every);
  return plural(count, unit.slice(0, -1));
}
