/**
 * Decides which samples are drawn, and where each stands on the sheet: every strength or step with every prompt and
 * seed. Pure.
 */
import { UsageError } from '../../base/errors.ts';
import { shorten } from '../../base/text.ts';

export const sampleAxes = ['strength', 'step', 'prompt', 'seed'] as const;
export type SampleAxis = (typeof sampleAxes)[number];

/** A prompt with all settings of its samples; `seed` is set when the prompt has a seed of its own. */
export interface SampleShot {
  readonly prompt: string;
  readonly negative: string;
  readonly steps: number;
  readonly guidance: number;
  readonly seed: number;
  readonly size: readonly [number, number];
  /** Layer of the text encoder, counted from the last; null for the model's. */
  readonly clip_skip: number | null;
}

/** The weights a sample is drawn with: a checkpoint (null for files), and the strength of each LoRA. */
export interface SampleLook {
  readonly step: number | null;
  readonly strengths: readonly number[];
}

export interface SampleCell {
  readonly look: number;
  readonly shot: number;
  /** Name of the sample's file. */
  readonly file: string;
}

export interface SampleGrid {
  readonly looks: readonly SampleLook[];
  readonly shots: readonly SampleShot[];
  readonly cells: readonly SampleCell[];
  readonly columns: readonly string[];
  readonly rows: readonly string[];
  /** Files by row and column. */
  readonly files: readonly (readonly string[])[];
}

export interface GridInput {
  /** Names of the LoRAs, each with the strengths at which it is drawn. */
  readonly loras: readonly { readonly name: string; readonly strengths: readonly number[] }[];
  /** Steps of checkpoints; `[null]` for files. */
  readonly steps: readonly (number | null)[];
  /** The shots of each prompt, one for each of its seeds. */
  readonly prompts: readonly (readonly SampleShot[])[];
  /** The axis of the columns, then the axes of the rows, the outermost first. */
  readonly axes: readonly SampleAxis[];
}

/** Most samples of one command. */
const MOST = 1000;
/** Most characters of a prompt beside the sheet, and of a LoRA's name in a file name. */
const LONGEST_PROMPT = 120;
const LONGEST_NAME = 40;

/** Index of a sample on each axis. */
type Place = Readonly<Record<SampleAxis, number>>;

/**
 * Makes the grid.
 * @throws UsageError when there would be too many samples
 */
export function sampleGrid(input: GridInput): SampleGrid {
  const { loras, steps, prompts, axes } = input;
  const mixes = product(loras.map(({ strengths }) => strengths));
  const looks = steps.flatMap((step) => mixes.map((strengths) => ({ step, strengths })));
  const shots = prompts.flat();
  if (looks.length * shots.length > MOST)
    throw new UsageError(`These are ${looks.length * shots.length} samples; ${MOST} are the most.`, {
      id: 'command/wrong-value',
      nextSteps: ['Name fewer strengths, steps, prompts or seeds.'],
    });
  const counts: Record<SampleAxis, number> = {
    strength: mixes.length,
    step: steps.length,
    prompt: prompts.length,
    seed: Math.max(...prompts.map((each) => each.length)),
  };
  const [first] = axes;
  const across: readonly SampleAxis[] = first === undefined ? ['step', 'strength'] : [first];
  const order = [...axes.slice(1), ...sampleAxes.filter((axis) => !axes.includes(axis))];
  const down = order.filter((axis) => !across.includes(axis));
  const label = labeller(input, mixes, counts);
  const named = looks.map((look) => lookName(look, loras));
  const places = {
    across: product(across.map((axis) => range(counts[axis]))),
    down: product(down.map((axis) => range(counts[axis]))),
  };
  const cells: SampleCell[] = [];
  const files = places.down.map((row) =>
    places.across.map((column) => {
      const at = placeOf([...across, ...down], [...column, ...row]);
      const look = at.step * mixes.length + at.strength;
      const shot = prompts.slice(0, at.prompt).reduce((sum, each) => sum + each.length, 0) + at.seed;
      const seed = shots[shot]?.seed ?? 0;
      const number = counts.prompt * counts.seed > 1 ? `-p${at.prompt + 1}` : '';
      const twice = named.indexOf(named[look] ?? '') === look ? '' : `-${look + 1}`;
      const cell = { look, shot, file: `${named[look]}${twice}${number}-s${seed}.png` };
      cells.push(cell);
      return cell.file;
    }),
  );
  return {
    looks,
    shots,
    cells,
    columns: places.across.map((column) => label(placeOf(across, column), across)),
    rows: places.down.map((row) => label(placeOf(down, row), down)),
    files,
  };
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

/** All combinations of one element of each list; the last list changes fastest. */
function product<T>(lists: readonly (readonly T[])[]): readonly (readonly T[])[] {
  return lists.reduce<readonly (readonly T[])[]>(
    (all, list) => all.flatMap((each) => list.map((value) => [...each, value])),
    [[]],
  );
}

const placeOf = (axes: readonly SampleAxis[], at: readonly number[]): Place => ({
  strength: 0,
  step: 0,
  prompt: 0,
  seed: 0,
  ...Object.fromEntries(axes.map((axis, i) => [axis, at[i] ?? 0])),
});

/** The labels of rows and columns: the values that change along their axes, and the prompt. */
function labeller(
  { loras, steps, prompts }: GridInput,
  mixes: readonly (readonly number[])[],
  counts: Readonly<Record<SampleAxis, number>>,
): (at: Place, axes: readonly SampleAxis[]) => string {
  const strengths = (mix: readonly number[]) =>
    mix.map((strength, i) => `${shorten(loras[i]?.name ?? '', LONGEST_NAME)} × ${strength}`).join(' + ');
  const one: Readonly<Record<SampleAxis, (at: Place) => string>> = {
    strength: (at) => strengths(mixes[at.strength] ?? []),
    step: (at) => (steps[at.step] === null ? '' : `step ${steps[at.step]}`),
    prompt: (at) => shorten(prompts[at.prompt]?.[0]?.prompt || '(empty prompt)', LONGEST_PROMPT),
    seed: (at) => `seed ${prompts[at.prompt]?.[at.seed]?.seed ?? ''}`,
  };
  return (at, axes) =>
    axes
      .filter((axis) => counts[axis] > 1 || axis === 'prompt' || (axis === 'strength' && steps[0] === null))
      .map((axis) => one[axis](at))
      .filter((text) => text !== '')
      .join(', ');
}

/** The part of a file name that tells checkpoint and strengths. */
function lookName({ step, strengths }: SampleLook, loras: GridInput['loras']): string {
  if (step !== null) return `step-${String(step).padStart(6, '0')}-x${strengths[0] ?? 1}`;
  const parts = strengths.map((strength, i) => `${plain(loras[i]?.name ?? '')}-x${strength}`);
  return parts.join('+').slice(0, 150);
}

/** A name with only characters that every file system accepts. */
function plain(name: string): string {
  const safe = name.normalize('NFKD').replaceAll(/[^A-Za-z0-9._-]+/gu, '-');
  return safe.replace(/^[^A-Za-z0-9]+/u, '').slice(0, LONGEST_NAME) || 'lora';
}
