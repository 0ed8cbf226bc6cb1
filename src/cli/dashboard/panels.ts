/** The panels of a training run, each a few lines of text. Pure. */

import { formatBytes, formatDuration, formatRate, neutralise } from '../../base/text.ts';
import { secondsLeft } from '../../engine/events/pace.ts';
import type { RunState } from '../../engine/events/reducer.ts';
import { seriesPoints } from '../../engine/events/series.ts';
import { chart, smooth } from '../../terminal/chart.ts';
import { ends, width } from '../../terminal/columns.ts';
import type { Style } from '../../terminal/style.ts';
import { highlighted, type Line, type Styled } from '../../terminal/styled.ts';
import type { RunAbout } from './about.ts';
import type { Key } from './keys.ts';
import { bar, clock, lossText, percent } from './parts.ts';

/** Seconds without any event after which the panel says so. */
const SILENCE = 60;

const share = ({ step, steps }: RunState) => (steps > 0 ? step / steps : 0);

/** Name, subject, progress and end of the run, and the bar. */
export function headline(state: RunState, about: RunAbout, now: number, style: Style, cells: number): Line[] {
  const name = neutralise(String(state.name));
  const what = [about.model, about.rank === undefined ? undefined : `rank ${about.rank}`].filter(Boolean).join('   ');
  const left = secondsLeft(state.pace, state.steps, now);
  const ending = left === undefined ? '' : `   ends ${clock(now + left, now)} (${formatDuration(left)})`;
  const line = ends(`${name}   ${what}`, state.step > 0 ? `${percent(share(state))}${ending}` : '', cells);
  return [highlighted(line, [[name, style.bold]]), bar(share(state), cells, style)];
}

/** How far the run is. */
export function progress(state: RunState, about: RunAbout, now: number, style: Style, cells: number): Line[] {
  const { latest, steps, step, startedAt } = state;
  const dot = ` ${style.glyph.dot} `;
  const epochs = about.epochs === undefined ? '' : ` of ${about.epochs}`;
  const parts = [
    `step ${step} of ${steps}`,
    latest === undefined ? undefined : `epoch ${latest.epoch}${epochs}`,
    latest?.pictures_per_second ? formatRate(latest.pictures_per_second, 'pictures') : undefined,
    startedAt === undefined ? undefined : `started ${clock(startedAt, now)}`,
  ];
  return [ends(parts.filter(Boolean).join(dot), '', cells).trimEnd()];
}

/** Loss, validation, learning rate. */
export function numbers(state: RunState, about: RunAbout, style: Style, cells: number): Line[] {
  const { smoothedLoss, latest, validation, latestValidation } = state;
  if (latest === undefined || smoothedLoss === undefined)
    return [style.dim('First pictures and loss without the LoRA, to compare with; then step 1.')];
  const points = seriesPoints(validation);
  const before = points.at(-2);
  const trend =
    before === undefined || latestValidation === undefined
      ? ''
      : ` ${latestValidation.loss < before.y ? style.glyph.down : style.glyph.up} since step ${before.x}`;
  const checked = latestValidation === undefined ? '' : `   validation ${lossText(latestValidation.loss)}${trend}`;
  const rate = `lr ${latest.lr.toExponential(1)}${about.schedule === undefined ? '' : `  ${about.schedule}`}`;
  const line = ends(`loss ${lossText(smoothedLoss)}${checked}`, rate, cells);
  // The words have the colours of the curve and its marks, so that those need no legend.
  const words = [
    ['loss', style.accent],
    ['validation', style.good],
    [rate, style.dim],
  ] as const;
  return [highlighted(line, words)];
}

/** The smoothed loss of the whole run as a curve, with the validation losses as dots. */
export function curve(
  state: RunState,
  style: Style,
  size: { readonly columns: number; readonly rows: number },
): Line[] {
  const points = seriesPoints(state.loss);
  const line = smooth(points, Math.max(1, Math.min(40, points.length / 8)));
  // At first the axis shows a quarter of the run, so that the first steps are not a dot in a corner.
  const xMax = Math.max(1, state.step, state.steps / 4);
  const drawn = chart({ line, marks: seriesPoints(state.validation), xMax, ...size }, style);
  return drawn.length > 0
    ? drawn
    : [
        style.dim(state.step === 0 ? '' : 'the curve comes with the next steps'),
        ...new Array<string>(size.rows).fill(''),
      ];
}

/** Device and memory, and how long no event has come. */
export function machine(state: RunState, now: number, style: Style, cells: number): Line[] {
  const { active, latest, peakMemory, lastEventAt } = state;
  const silent = lastEventAt === undefined ? 0 : now - lastEventAt;
  if (silent > SILENCE)
    return [
      style.warn(
        `Nothing heard for ${formatDuration(silent)}: compiling, a very slow step, or stuck (l shows the log).`,
      ),
    ];
  const device = typeof active.device === 'string' ? neutralise(active.device) : undefined;
  const precision = typeof active.precision === 'string' ? neutralise(active.precision) : undefined;
  const memory =
    latest?.memory === undefined
      ? undefined
      : `${formatBytes(latest.memory)} memory${peakMemory === undefined ? '' : `, ${formatBytes(peakMemory)} at most`}`;
  return [style.dim(ends([device, precision, memory].filter(Boolean).join('  '), '', cells).trimEnd())];
}

export function keyBar(keys: readonly Key[], style: Style, cells: number): Styled {
  const between = ` ${style.glyph.dot} `;
  const texts = keys.map(({ keys: [key = ''], label }) => (key === '?' ? '? help' : `${key} ${label}`));
  while (width(texts.join(between)) > cells && texts.length > 1) texts.splice(-2, 1);
  return style.dim(texts.join(between));
}

/** The only line on a tiny terminal. The name may be long, so it is cut first. */
export function summaryLine(state: RunState, now: number, style: Style): Styled {
  const left = secondsLeft(state.pace, state.steps, now);
  const phase = state.phases.at(-1)?.phase ?? 'starting';
  const parts =
    state.latest === undefined
      ? [phase]
      : [
          percent(share(state)),
          `step ${state.step}/${state.steps}`,
          state.smoothedLoss === undefined ? '' : `loss ${lossText(state.smoothedLoss)}`,
          left === undefined ? '' : `${formatDuration(left)} left`,
        ];
  return style.bold([...parts, neutralise(String(state.name))].filter(Boolean).join(' '));
}
