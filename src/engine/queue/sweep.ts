/** Lists the runs of a sweep: the values and the name of each. Pure. */
import { createHash } from 'node:crypto';
import { UsageError } from '../../base/errors.ts';
import { findKey } from '../../spec/keys.ts';
import { yamlValue } from '../../spec/write.ts';
import { parseYaml } from '../../spec/yaml-tree.ts';

/** One run of a sweep. */
export interface SweepRun {
  /** Texts for `--set`. */
  readonly overrides: readonly string[];
  readonly values: Readonly<Record<string, unknown>>;
  /** Suffix of the run's name: `rank8-lr1e-4`. */
  readonly suffix: string;
}

/** Most runs of one sweep. A larger number is a typing mistake, or a case for a search. */
const MOST_RUNS = 1000;

/** One key of `--sweep`: values to choose from, or a range to draw from. */
export interface SweepAxis {
  readonly key: string;
  readonly values: readonly unknown[];
  readonly range: readonly [number, number] | null;
  /** Whether values are drawn from the range by its logarithm. */
  readonly log: boolean;
  /** Whether only whole numbers are drawn from the range. */
  readonly whole: boolean;
}

/**
 * The runs for the texts of `--sweep`: every combination of `key=a,b`, or with `random` so many draws of `key=a,b` or
 * `key=low..high`. The draws depend on `seed` alone.
 * @throws UsageError when a text cannot be understood
 */
export function sweepRuns(
  texts: readonly string[],
  { random, seed }: { random?: number | undefined; seed: number },
): SweepRun[] {
  const axes = sweepAxes(texts);
  const ranged = axes.find(({ range }) => range !== null);
  if (random === undefined && ranged !== undefined)
    throw wrongSweep(`--sweep ${ranged.key} has a range, of which a grid has no end: add --random 20, say.`);
  const count = random ?? axes.reduce((product, { values }) => product * values.length, 1);
  if (count > MOST_RUNS) throw wrongSweep(`That would be ${count} runs, and ${MOST_RUNS} is the most of one sweep.`);
  const all =
    random === undefined
      ? grid(axes)
      : Array.from({ length: random }, (_, i) => axes.map((axis) => [axis.key, drawn(axis, `${seed} ${i}`)] as const));
  return namedRuns(all.map((pairs) => Object.fromEntries(pairs)));
}

/**
 * The keys of `--sweep`, each once.
 * @throws UsageError for a text that cannot be understood
 */
export function sweepAxes(texts: readonly string[]): SweepAxis[] {
  const axes = texts.map(readAxis);
  const doubled = axes.find(({ key }, i) => axes.findIndex((other) => other.key === key) !== i);
  if (doubled !== undefined) throw wrongSweep(`${doubled.key} is swept twice.`);
  return axes;
}

/**
 * The runs in a file: a list of groups of keys, each group one run.
 * @throws UsageError for a file in another form
 */
export function listedRuns(text: string, file: string): SweepRun[] {
  const { value, problems } = parseYaml(text);
  const [first] = problems;
  if (first !== undefined) throw wrongSweep(`${file}: ${first.message}.`);
  if (!Array.isArray(value) || value.length === 0) throw wrongSweep(`${file} is not a list of runs.`);
  if (value.length > MOST_RUNS) throw wrongSweep(`${file} has ${value.length} runs, and ${MOST_RUNS} is the most.`);
  return namedRuns(
    value.map((item: unknown, i) => {
      if (typeof item !== 'object' || item === null || Array.isArray(item))
        throw wrongSweep(`${file}: run ${i + 1} is not a group of keys, such as {training.rank: 8}.`);
      for (const key of Object.keys(item)) checkKey(key);
      return item as Record<string, unknown>;
    }),
  );
}

export const wrongSweep = (message: string) =>
  new UsageError(message, {
    id: 'queue/sweep',
    nextSteps: [
      'visiontrain queue add run.yaml --sweep training.rank=8,16 --sweep training.learning_rate=1e-4,2e-4',
      'visiontrain queue add run.yaml --sweep training.learning_rate=5e-5..5e-4 --random 8',
    ],
  });

function checkKey(key: string): void {
  const whole = key.split('.').slice(0, 2).join('.');
  if (findKey(whole) === undefined) throw wrongSweep(`run.yaml has no key ${key}.`);
}

/** A range over more than one power of ten is drawn on a logarithmic scale, on which learning rates are compared. */
const rangeOf = ([low, high]: readonly [number, number]) => ({
  range: [low, high] as const,
  log: low > 0 && high / low > 10,
  whole: Number.isInteger(low) && Number.isInteger(high) && high - low >= 2,
});

function readAxis(text: string): SweepAxis {
  const equals = text.indexOf('=');
  const key = text.slice(0, Math.max(0, equals)).trim();
  const given = text.slice(equals + 1).trim();
  if (equals < 1 || given === '') throw wrongSweep(`--sweep ${text} is not key=value,value.`);
  checkKey(key);
  const range = /^(\S+)\.\.(\S+)$/.exec(given);
  const [low, high] = [Number(range?.[1]), Number(range?.[2])];
  if (range !== null) {
    if (!(Number.isFinite(low) && Number.isFinite(high) && low < high))
      throw wrongSweep(`--sweep ${text}: ${given} is no range of two numbers, the smaller first.`);
    return { key, values: [], ...rangeOf([low, high]) };
  }
  const { value, problems } = parseYaml(`[${given}]`);
  const [first] = problems;
  if (first !== undefined || !Array.isArray(value))
    throw wrongSweep(`--sweep ${text}: ${first?.message ?? 'is no list'}.`);
  return { key, values: value, range: null, log: false, whole: false };
}

const grid = (axes: readonly SweepAxis[]): (readonly (readonly [string, unknown])[])[] =>
  axes.reduce<(readonly (readonly [string, unknown])[])[]>(
    (rows, { key, values }) => rows.flatMap((row) => values.map((value) => [...row, [key, value] as const])),
    [[]],
  );

function drawn({ key, values, range, log, whole }: SweepAxis, draw: string): unknown {
  const bytes = createHash('sha256').update(`sweep ${draw} ${key}`).digest();
  const u = bytes.readUInt32BE(0) / 2 ** 32;
  if (range === null) return values[Math.floor(u * values.length)];
  const [low, high] = range;
  const value = log ? low * (high / low) ** u : low + (high - low) * u;
  return whole ? Math.round(value) : Number(value.toPrecision(3));
}

/** Short names for the keys that are swept most often. */
const SHORT: Readonly<Record<string, string>> = {
  learning_rate: 'lr',
  text_encoder_learning_rate: 'telr',
  batch_size: 'batch',
  optimizer: 'opt',
  resolution: 'res',
};

/** The runs for groups of values, each with a name of its own. */
export function namedRuns(all: readonly Readonly<Record<string, unknown>>[]): SweepRun[] {
  const seen = new Map<string, number>();
  return all.map((values) => {
    const words = Object.entries(values).map(([key, value]) => {
      const last = key.split('.').at(-1) ?? key;
      return `${SHORT[last] ?? last}${String(yamlValue(value))}`.replaceAll(/[^A-Za-z0-9.-]/g, '').replace(/\.0e/, 'e');
    });
    const suffix = words.join('-').slice(0, 60);
    const copy = (seen.get(suffix) ?? 0) + 1;
    seen.set(suffix, copy);
    return {
      values,
      overrides: Object.entries(values).map(([key, value]) => `${key}=${yamlValue(value)}`),
      suffix: copy === 1 ? suffix : `${suffix}-${copy}`,
    };
  });
}
