/** Advises one row of a judgement in a sentence, and says why the advice may be wrong. Pure. */
import { basename } from 'node:path';
import { plural } from '../../base/text.ts';
import type { Advice, JudgeRequest, JudgeRow } from './schema.ts';

/** Standard errors by which a validation loss must be higher to count as worse, whatever the samples look like. */
const CERTAIN = 2;

/**
 * The advice.
 * @param rows of the whole table, the base model first
 */
export function advise(rows: readonly JudgeRow[], request: JudgeRequest): Advice {
  const [base, ...judged] = rows;
  const doubt = doubtOf(base, request);
  const none = { step: null, strength: null, doubt, copying: [] };
  if (base === undefined || judged.length === 0) return { ...none, text: 'There is no checkpoint to advise.' };
  const copying = judged.filter((row) => copies(row) > copies(base) && !isByChance(row, judged.length));
  const alarm = { doubt, copying: copying.map(({ step, strength }) => ({ step, strength })) };
  return { ...among(base, judged, copying), ...alarm };
}

/** The choice among rows of which some copy training images. */
function among(
  base: JudgeRow,
  judged: readonly JudgeRow[],
  copying: readonly JudgeRow[],
): Pick<Advice, 'step' | 'strength' | 'text'> {
  const none = { step: null, strength: null };
  const sound = judged.filter((row) => !copying.includes(row));
  if (sound.length === 0)
    return { ...none, text: `Every one copies ${copied(copying)}: train shorter, or on more pictures.` };
  const others =
    copying.length === 0 ? '' : `; ${stepsOf(copying)} ${copying.length === 1 ? 'copies' : 'copy'} ${copied(copying)}`;
  if (sound.length > 1 && sound.every(tellsNothing))
    return {
      ...none,
      text: `No picture was kept out of training, so nothing tells ${stepsOf(sound)} apart but your eyes${others}. A next run can keep some:  --set dataset.validation_share=0.1`,
    };
  const useful = sound.filter(({ change }) => change === null || change.value <= CERTAIN * change.stderr);
  const chosen = choose(useful.length > 0 ? useful : sound);
  const reasons = [
    ...(useful.length === 0 ? ['though all have a higher loss than the base model on pictures kept out'] : []),
    reasonFor(chosen, sound),
    ...(chosen.likeness !== null && !surelyMore(chosen, base)
      ? ['but no nearer to them than what the base model draws']
      : []),
  ];
  return {
    step: chosen.step,
    strength: chosen.strength,
    text: `Step ${chosen.step} at strength ${chosen.strength}: ${reasons.join(', ')}${others}.`,
  };
}

/** Whether nothing was measured for a row that could distinguish it from others. */
const tellsNothing = ({ likeness, change, bleeding }: JudgeRow) =>
  likeness === null && change === null && bleeding === null;

const copies = ({ copies: found }: JudgeRow) => found?.prompts_copied ?? 0;

/** Share of judgements without any copy that may raise an alarm nevertheless. */
const FALSE_ALARMS = 0.05;

/**
 * Whether as many copied prompts are expected by chance, in too many of the rows that copy nothing. Each row of a
 * judgement may raise the alarm, so each gets its share of the allowed rate (Bonferroni).
 */
function isByChance({ copies: found }: JudgeRow, rows: number): boolean {
  if (found === null) return false;
  const { prompts: n, prompts_copied: copied, by_chance: p } = found;
  let [term, below] = [(1 - p) ** n, 0];
  for (let k = 0; k < copied; k += 1) {
    below += term;
    term *= ((n - k) / (k + 1)) * (p / (1 - p));
  }
  return 1 - below > FALSE_ALARMS / rows;
}

/** The training image that is nearest to most of the rows' samples. */
const copied = (rows: readonly JudgeRow[]) => {
  const [nearest] = rows
    .flatMap(({ copies: found }) => (found === null ? [] : [found.nearest]))
    .sort((a, b) => b.alike - a.alike);
  return nearest === undefined ? 'training pictures' : basename(nearest.image);
};

const stepsOf = (rows: readonly JudgeRow[]) => {
  const steps = [...new Set(rows.map(({ step }) => step))];
  return steps.length === 1 ? `step ${steps[0]}` : `steps ${steps.join(', ')}`;
};

/**
 * Chooses among the rows whose likeness is not significantly below the best one. Rows whose loss is significantly
 * above the lowest are left out, then rows that fit their prompts significantly worse. Of the rest it takes the row
 * that bleeds least, then the earliest, then the weakest. Where likeness was not measured, the lowest loss takes its
 * place.
 */
function choose(rows: readonly JudgeRow[]): JudgeRow {
  const best = leastBy(rows, (row) => -worth(row));
  const alike = rows.filter((row) => !surelyMore(best, row));
  const near = alike.filter((row) => !alike.some((other) => isLower(other, row, CERTAIN)));
  const fitting = near.filter((row) => !near.some((other) => surelyAbove(other.fit, row.fit)));
  const bleeds = (row: JudgeRow) => row.bleeding?.value ?? 0;
  return [...fitting].sort((a, b) => bleeds(a) - bleeds(b) || a.step - b.step || a.strength - b.strength)[0] ?? best;
}

const worth = ({ likeness, change }: JudgeRow) => likeness?.value ?? -(change?.value ?? 0);

/** Whether a row has a significantly higher likeness than another, or a lower loss where likeness was not measured. */
function surelyMore(more: JudgeRow, less: JudgeRow): boolean {
  if (more.likeness === null || less.likeness === null) return isLower(more, less, 1);
  return surelyAbove(more.likeness, less.likeness);
}

/**
 * Whether scores of the same samples are higher by more than one standard error of the differences, sample by sample.
 */
function surelyAbove(more: JudgeRow['fit'], less: JudgeRow['fit']): boolean {
  if (more === null || less === null) return false;
  const apart = more.each.map((value, i) => value - (less.each[i] ?? 0));
  return meanOf(apart) > standardError(apart);
}

const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The standard error of the mean; 0 for a single value, which has none. */
function standardError(values: readonly number[]): number {
  const mean = meanOf(values);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1) / values.length);
}

/**
 * Whether the loss of a row on images kept out of training is lower than that of another by more than `errors` standard
 * errors of their differences at the same images and noise; of both rows, in judgements that hold no such values.
 */
function isLower({ change: less }: JudgeRow, { change: more }: JudgeRow, errors: number): boolean {
  if (less === null || more === null) return false;
  const apart = differences(less.each, more.each);
  const stderr = apart === null ? Math.max(less.stderr, more.stderr) : errorOf(apart);
  return more.value - less.value > errors * stderr;
}

/** The differences by image and draw of noise; null where the rows were not measured alike. */
function differences(less: readonly number[][], more: readonly number[][]): number[][] | null {
  const isAlike = less.length === more.length && less.every((draws, i) => draws.length === more[i]?.length);
  if (!isAlike || less.length === 0) return null;
  return less.map((draws, i) => draws.map((value, k) => (more[i]?.[k] ?? 0) - value));
}

/**
 * The standard error of the mean, as the trainer's `paired` has it: over all draws or over the images, whichever is
 * larger.
 */
const errorOf = (each: readonly number[][]) => Math.max(standardError(each.flat()), standardError(each.map(meanOf)));

function leastBy(rows: readonly JudgeRow[], value: (row: JudgeRow) => number): JudgeRow {
  return rows.reduce((least, row) => (value(row) < value(least) ? row : least));
}

function reasonFor(chosen: JudgeRow, sound: readonly JudgeRow[]): string {
  if (chosen.likeness !== null)
    return sound.length === 1
      ? 'the only one that copies nothing'
      : 'of those that copy nothing none is clearly nearer to pictures kept out of training, or has a clearly lower loss on them';
  if (chosen.change !== null) return 'no lower loss on pictures kept out of training, and it copies nothing';
  return 'it copies nothing; nothing was kept out of training to say more';
}

function doubtOf(base: JudgeRow | undefined, { prompts, seeds, likeness, fit }: JudgeRequest): string {
  const count = prompts.length * seeds.length;
  const parts = [
    ...(likeness === null
      ? ['the built-in measure compares colours and where they lie, and cannot see what a picture shows']
      : []),
    ...(fit === null ? ['nothing looked at whether samples fit their prompts'] : []),
    `${plural(count, 'sample')} a row are few`,
    ...(base?.likeness === null ? ['no picture was kept out of training to compare with'] : []),
    ...(prompts.some(({ trigger }) => trigger === false) ? [] : ['no prompt without the trigger shows bleeding']),
  ];
  return `It may be wrong: ${parts.join('; ')}.`;
}
