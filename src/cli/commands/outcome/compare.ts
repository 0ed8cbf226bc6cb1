import { EXIT, UsageError } from '../../../base/errors.ts';
import { absolute, displayPath } from '../../../base/paths.ts';
import { formatDuration } from '../../../base/text.ts';
import { collectReport } from '../../../engine/report/collect.ts';
import { compareReports, type Difference, type RunsCompared } from '../../../engine/report/compare.ts';
import type { RunReport, StepCurve } from '../../../engine/report/types.ts';
import { findRun } from '../../../engine/runs/find.ts';
import { renderComparePage } from '../../../report/compare.tsx';
import { ImageShrinker } from '../../../report/images.ts';
import { lossDigits, valueText } from '../../../report/words.ts';
import { smooth } from '../../../terminal/chart.ts';
import { overlay } from '../../../terminal/overlay.ts';
import { styleFor } from '../../../terminal/style.ts';
import { table } from '../../../terminal/table.ts';
import { terminal } from '../../../terminal/terminal.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { text } from '../shared/options.ts';
import { writePage } from '../shared/write-page.ts';

/** Most runs, as each has a letter of its own. */
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** Size in cells of the curves where stdout is no terminal, and their rows. */
const [WIDTH, ROWS] = [80, 14];
/** Points over which the loss is smoothed. */
const WINDOW = 20;

/** Shows runs beside each other. */
export const run: CommandRun = async (queries, options, context) => {
  const { out, places, flags } = context;
  const summaries = [...new Map(queries.map((query) => findRun(query, places.runs)).map((s) => [s.dir, s])).values()];
  if (summaries.length < 2 || summaries.length > LETTERS.length)
    throw new UsageError(`compare takes 2 to ${LETTERS.length} different runs; these are ${summaries.length}.`, {
      id: 'command/wrong',
      nextSteps: ['visiontrain ps   lists them all'],
    });
  const reports = summaries.map(collectReport);
  const compared = compareReports(reports);
  const html = text(options.html);
  if (html !== undefined) {
    const path = absolute(html, { cwd: process.cwd() });
    const shrinkers = compared.samples.flatMap(({ newest }) => newest).length;
    const images = summaries.map(({ dir }, i) => {
      const paths = compared.samples.flatMap(({ newest }) => newest[i]?.path ?? []);
      // The images of all runs together stay as small as those of one page.
      return new ImageShrinker(paths.length / Math.max(1, shrinkers)).shrink(dir, [...new Set(paths)]);
    });
    writePage(path, renderComparePage({ reports, compared, images }));
    if (!flags.json) out.talk(`Written: ${displayPath(path, process.cwd())}`);
  }
  if (flags.json) out.json(compared);
  else show(reports, compared, context);
  return EXIT.ok;
};

function show(reports: readonly RunReport[], { runs, settings, machine }: RunsCompared, context: Context): void {
  const { out, env, flags } = context;
  const style = styleFor(terminal(env, flags));
  const letter = (i: number) => LETTERS[i] ?? '';
  const point = (value: RunsCompared['runs'][number]['best']) =>
    value === null
      ? '-'
      : `${lossDigits(value.loss)} ${style.glyph.plusMinus} ${lossDigits(value.stderr)} at ${value.step}`;
  const rows = runs.map(({ name, step, steps, loss, best, seconds, verdict }, i) => [
    letter(i),
    name,
    `${step}/${steps}`,
    loss === null ? '-' : lossDigits(loss),
    point(best),
    seconds === null ? '-' : formatDuration(seconds),
    verdict,
  ]);
  const room = { width: out.width, expendable: ['VERDICT', 'TIME', 'STEP'] };
  for (const line of table(['', 'RUN', 'STEP', 'LOSS', 'BEST VALIDATION', 'TIME', 'VERDICT'], rows, room))
    out.data(line);
  out.data('');
  const differences = [...settings, ...machine];
  if (differences.length === 0) out.data('Settings and machine are the same.');
  else for (const line of differenceLines(differences, runs.length, out.width)) out.data(line);
  const size = { columns: Math.min(out.width ?? WIDTH, 120), rows: ROWS };
  const drawn = (title: string, of: (report: RunReport) => StepCurve, window: number) => {
    const curves = reports.map((report, i) => ({ letter: letter(i), points: smooth(pointsOf(of(report)), window) }));
    const lines = overlay(curves, size, style);
    if (lines.length === 0) return;
    out.data('');
    out.data(title);
    for (const line of lines) out.data(line);
  };
  drawn('Loss, smoothed', ({ loss }) => loss, WINDOW);
  drawn(
    'Validation',
    ({ validation }) => ({ steps: validation.map((p) => p.step), values: validation.map((p) => p.loss) }),
    1,
  );
}

function differenceLines(differences: readonly Difference[], runs: number, width: number | undefined): string[] {
  const rows = differences.map(({ key, values }) => [
    key,
    ...values.map((value) => (value === null ? '-' : valueText(value))),
  ]);
  return table(['DIFFERS', ...LETTERS.slice(0, runs)], rows, { width });
}

const pointsOf = ({ steps, values }: StepCurve): { x: number; y: number }[] =>
  steps.map((x, i) => ({ x, y: values[i] ?? 0 }));
