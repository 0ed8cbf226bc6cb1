/** Reads the options of `visiontrain sample`; a wrong value is reported with the name of its option. */
import { UsageError } from '../../../base/errors.ts';
import { absolute } from '../../../base/paths.ts';
import { type SampleAxis, sampleAxes } from '../../../engine/sample/grid.ts';
import { readPromptLine } from '../../../spec/prompt-flags.ts';
import { readTextFile } from '../../../spec/read-text.ts';
import { precisions } from '../../../spec/schema.ts';
import { samplers, spacings } from '../../../spec/sections/choices.ts';
import { type Options, text, texts } from '../shared/options.ts';

export interface SampleLora {
  readonly path: string;
  /** Null when it names no strengths of its own. */
  readonly strengths: readonly number[] | null;
}

export interface SampleWishes {
  readonly loras: readonly SampleLora[];
  /** Lines as in run.yaml, with options behind them; null when none is given. */
  readonly prompts: readonly string[] | null;
  readonly negative: string | null;
  /** Steps of checkpoints; `all`, or null for the last one. */
  readonly checkpoints: readonly number[] | 'all' | null;
  readonly strengths: readonly number[] | null;
  readonly seeds: readonly number[] | null;
  readonly steps: number | null;
  readonly guidance: number | null;
  readonly size: readonly [number, number] | null;
  readonly sampler: (typeof samplers)[number] | null;
  readonly spacing: (typeof spacings)[number] | null;
  readonly base: string | null;
  readonly axes: readonly SampleAxis[];
  readonly precision: (typeof precisions)[number] | null;
  readonly device: string | null;
  readonly output: string | null;
}

/**
 * The wishes of the person.
 * @throws UsageError for an invalid value
 */
export function askedFor(options: Options): SampleWishes {
  const axes = listOf(options, 'grid');
  const strange = axes?.find((axis) => !(sampleAxes as readonly string[]).includes(axis));
  if (strange !== undefined)
    throw new UsageError(`--grid takes one or two of ${sampleAxes.join(', ')}, not ${strange}.`, {
      id: 'command/wrong-value',
      nextSteps: ['Values have flags of their own:  --strength 0.6,1 --seed 1,2 --step 400,800 --grid strength,seed'],
    });
  const checkpoints = text(options.step);
  return {
    loras: texts(options.lora).map(loraOf),
    prompts: promptsOf(options),
    negative: text(options.negative) ?? null,
    checkpoints: checkpoints === 'all' ? 'all' : numbers(options, 'step', { least: 1, most: 1e9, whole: true }),
    strengths: numbers(options, 'strength', STRENGTHS),
    seeds: numbers(options, 'seed', { least: 0, most: 2 ** 32 - 1, whole: true }),
    steps: one(options, 'steps', { least: 1, most: 500, whole: true }),
    guidance: one(options, 'guidance', { least: 1, most: 30, whole: false }),
    size: sizeOf(options),
    sampler: oneOf(options, 'sampler', samplers),
    spacing: oneOf(options, 'spacing', spacings),
    base: text(options.base) ?? null,
    axes: [...new Set(axes ?? [])] as SampleAxis[],
    precision: oneOf(options, 'precision', precisions),
    device: text(options.device) ?? null,
    output: text(options.output) ?? null,
  };
}

interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

const STRENGTHS: Bounds = { least: -4, most: 4, whole: false };
/** Most values of a list. */
const MOST = 100;

const wrong = (flag: string, takes: string, given: string) =>
  new UsageError(`--${flag} takes ${takes}; this is ${given}.`, { id: 'command/wrong-value' });

function listOf(options: Options, flag: string): readonly string[] | null {
  const given = text(options[flag]);
  return given === undefined ? null : given.split(',').map((part) => part.trim());
}

function numbers(options: Options, flag: string, bounds: Bounds): readonly number[] | null {
  const parts = listOf(options, flag);
  return parts === null ? null : numbersIn(parts, flag, bounds);
}

function numbersIn(parts: readonly string[], flag: string, { least, most, whole }: Bounds): readonly number[] {
  const values = parts.map((part) => (part === '' ? Number.NaN : Number(part)));
  const fits = (value: number) => value >= least && value <= most && (!whole || Number.isInteger(value));
  if (values.length > MOST || !values.every(fits))
    throw wrong(flag, `${whole ? 'whole numbers' : 'numbers'} from ${least} to ${most} with commas`, parts.join(','));
  return [...new Set(values)];
}

function one(options: Options, flag: string, bounds: Bounds): number | null {
  const values = numbers(options, flag, bounds);
  if (values !== null && values.length > 1) throw wrong(flag, 'one number', values.join(','));
  return values?.[0] ?? null;
}

function oneOf<T extends string>(options: Options, flag: string, names: readonly T[]): T | null {
  const given = text(options[flag]);
  if (given === undefined) return null;
  const found = names.find((name) => name === given);
  if (found === undefined) throw wrong(flag, names.join(', '), given);
  return found;
}

function sizeOf(options: Options): readonly [number, number] | null {
  const given = text(options.size);
  if (given === undefined) return null;
  const [, width, height] = /^(\d+)(?:[xX×](\d+))?$/u.exec(given) ?? [];
  const size = [Number(width), Number(height ?? width)] as const;
  if (!size.every((side) => side >= 64 && side <= 4096 && side % 8 === 0))
    throw wrong('size', 'width x height in pixels, 64 to 4096 and multiples of 8, as in 832x1216', given);
  return size;
}

/** A LoRA file and its strengths, in a text such as `fox.safetensors:0.6,0.8`. */
function loraOf(given: string): SampleLora {
  const [, name = given, list] = /^(.*?\S):(-?[\d.]+(?:[,:]-?[\d.]+)*)$/u.exec(given) ?? [];
  const strengths = list === undefined ? null : numbersIn(list.split(/[,:]/u), 'lora', STRENGTHS);
  return { path: absolute(name, { cwd: process.cwd() }), strengths };
}

/** Most characters of a prompt, and most prompts. */
const [LONGEST, MOST_PROMPTS] = [2000, 200];

function promptsOf(options: Options): readonly string[] | null {
  const file = text(options.prompts);
  const lines = [...texts(options.prompt), ...(file === undefined ? [] : linesIn(file))];
  if (lines.length === 0) return null;
  if (lines.length > MOST_PROMPTS) throw wrong('prompts', `${MOST_PROMPTS} prompts at most`, `${lines.length}`);
  for (const line of lines) {
    if (line.length > LONGEST || /[\r\n]/u.test(line))
      throw wrong('prompt', `one line of ${LONGEST} characters at most`, `one of ${line.length}`);
    const [problem] = readPromptLine(line).problems;
    if (problem !== undefined) throw new UsageError(`${line}: ${problem}.`, { id: 'command/wrong-value' });
  }
  return lines;
}

function linesIn(file: string): readonly string[] {
  const path = absolute(file, { cwd: process.cwd() });
  const read = readTextFile(path);
  if ('problem' in read)
    throw new UsageError(`${path} ${read.problem}.`, {
      id: 'command/wrong-value',
      nextSteps: ['Give a text file with a prompt on each line.'],
    });
  const lines = read.text.split(/\r?\n/u).map((line) => line.trim());
  const found = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (found.length === 0) throw new UsageError(`${path} holds no prompt.`, { id: 'command/wrong-value' });
  return found;
}
