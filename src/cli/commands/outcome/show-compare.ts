/** Shows a comparison of runs on a terminal. */
import { formatDuration, neutralise, plural } from '../../../base/text.ts';
import type { ComparedRun, Difference, RunsCompared } from '../../../engine/report/compare.ts';
import type { KeyEffect } from '../../../engine/report/sweep.ts';
import type { JudgedRow, RunReport, StepCurve } from '../../../engine/report/types.ts';
import { lossDigits, valueText } from '../../../report/words.ts';
import { smooth } from '../../../terminal/chart.ts';
import { width, wrap } from '../../../terminal/columns.ts';
import { overlay } from '../../../terminal/overlay.ts';
import { type Style, styleFor } from '../../../terminal/style.ts';
import { table } from '../../../terminal/table.ts';
import type { Context } from '../../shell/context.ts';

/** The letters that name the runs, which limits their number. */
export const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** Width in cells of the curves when stdout is no terminal, and their rows. */
const [WIDTH, ROWS] = [80, 14];
/** Number of points over which the loss is smoothed. */
const WINDOW = 20;
/** Most runs of a group whose curves are drawn and whose settings have a column: more are confusing. */
const MOST_DRAWN = 6;

export interface ShownComparison {
  /** Name of the group; null for runs that were named one by one. */
  readonly group: string | null;
  readonly reports: readonly RunReport[];
  readonly compared: RunsCompared;
  readonly effects: readonly KeyEffect[];
}

export function showComparison(shown: ShownComparison, context: Context): void {
  const { out, terminal } = context;
  const style = styleFor(terminal);
  const { group, reports, compared, effects } = shown;
  if (group !== null) {
    out.data(`${group}: ${plural(reports.length, 'run')}, the best first`);
    out.data('');
  }
  const room = { width: out.width, expendable: ['VERDICT', 'TIME', 'STEP'] };
  const rows = compared.runs.map((run, i) => resultCells(letter(i), run, style));
  for (const line of table(['', 'RUN', 'STEP', 'LOSS', 'BEST VALIDATION', 'TIME', 'VERDICT'], rows, room))
    out.data(line);
  const part = (lines: readonly string[]) => {
    if (lines.length === 0) return;
    out.data('');
    for (const line of lines) out.data(line);
  };
  part(judgedLines(compared.runs, out.width));
  part(effectLines(effects, out.width));
  const most = group === null ? LETTERS.length : MOST_DRAWN;
  const differences = [...compared.settings, ...compared.machine];
  if (differences.length === 0) part(['Settings and machine are the same.']);
  else part(differenceLines(differences, Math.min(most, reports.length), out.width));
  const size = { columns: Math.min(out.width ?? WIDTH, 120), rows: ROWS };
  const drawn = (title: string, of: (report: RunReport) => StepCurve, window: number) => {
    const curves = reports
      .slice(0, most)
      .map((report, i) => ({ letter: letter(i), points: smooth(pointsOf(of(report)), window) }));
    const lines = overlay(curves, size, style);
    if (lines.length === 0) return;
    out.data('');
    out.data(reports.length > most ? `${title}, the best ${most}` : title);
    for (const line of lines) out.data(line);
  };
  drawn('Loss, smoothed', ({ loss }) => loss, WINDOW);
  drawn('Validation', ({ validation }) => curveOf(validation), 1);
}

const letter = (i: number): string => LETTERS[i] ?? '';

function resultCells(sign: string, run: ComparedRun, style: Style): string[] {
  const { name, step, steps, loss, best, seconds, verdict } = run;
  return [
    sign,
    name,
    `${step}/${steps}`,
    loss === null ? '-' : lossDigits(loss),
    best === null
      ? '-'
      : `${lossDigits(best.loss)} ${style.glyph.plusMinus} ${lossDigits(best.stderr)} at ${best.step}`,
    seconds === null ? '-' : formatDuration(seconds),
    verdict,
  ];
}

/** Lines about the checkpoint that `judge` advises in each run; none when no run was judged. */
function judgedLines(runs: readonly ComparedRun[], width: number | undefined): string[] {
  const judged = runs.flatMap(({ name, judged: of }, i) => (of === null ? [] : [{ sign: letter(i), name, ...of }]));
  if (judged.length === 0) return [];
  const measures = new Set(judged.map(({ measure }) => measure));
  const rows = judged.map(({ sign, name, row }) => [sign, name, ...judgedCells(row)]);
  const head = ['', 'JUDGED', 'CHECKPOINT', 'LOSS', 'LIKENESS', 'BLEEDING', 'DIVERSITY', 'COPIES'];
  const apart = measures.size > 1 ? ['Their samples were not compared by the same means: likeness cannot be.'] : [];
  return [...table(head, rows, { width, expendable: ['DIVERSITY', 'BLEEDING', 'JUDGED'] }), ...apart];
}

function judgedCells({ step, strength, validation, likeness, bleeding, diversity, copies }: JudgedRow): string[] {
  return [
    step === 0 ? 'base model' : `${step} x ${strength}`,
    validation === null ? '-' : lossDigits(validation.loss),
    ...[likeness, bleeding, diversity].map((score) => (score === null ? '-' : score.value.toFixed(3))),
    copies === null ? '-' : `${copies.copied} of ${copies.samples}`,
  ];
}

function effectLines(effects: readonly KeyEffect[], width: number | undefined): string[] {
  const rows = effects.flatMap(({ key, values }) =>
    values.map(({ value, runs, mean, lowest }, i) => [
      i === 0 ? key : '',
      valueText(value),
      String(runs),
      mean === null ? '-' : lossDigits(mean),
      lowest === null ? '-' : lossDigits(lowest),
    ]),
  );
  return rows.length === 0 ? [] : table(['SWEPT', 'VALUE', 'RUNS', 'MEAN VALIDATION', 'LOWEST'], rows, { width });
}

/**
 * Lines about the settings that differ, by the letters of the runs: a table where it fits, else each setting with its
 * values below it.
 */
export function differenceLines(differences: readonly Difference[], runs: number, room: number | undefined): string[] {
  const rows = differences.map(({ key, values }) => [
    key,
    ...values.slice(0, runs).map((value) => (value === null ? '-' : valueText(value))),
  ]);
  const lines = table(['DIFFERS', ...LETTERS.slice(0, runs)], rows);
  if (room === undefined || lines.every((line) => width(line) <= room)) return lines;
  const values = (texts: readonly string[]) =>
    texts.flatMap((text, i) => {
      const [first = '', ...more] = wrap(neutralise(text), room - INDENT, { whole: true });
      return [`  ${letter(i)}  ${first}`, ...more.map((rest) => ' '.repeat(INDENT) + rest)];
    });
  return ['DIFFERS', ...rows.flatMap(([key = '', ...texts]) => [neutralise(key), ...values(texts)])];
}

/** Cells before a value that stands below its setting. */
const INDENT = 5;

const curveOf = (points: RunReport['validation']): StepCurve => ({
  steps: points.map((point) => point.step),
  values: points.map((point) => point.loss),
});

const pointsOf = ({ steps, values }: StepCurve): { x: number; y: number }[] =>
  steps.map((x, i) => ({ x, y: values[i] ?? 0 }));
