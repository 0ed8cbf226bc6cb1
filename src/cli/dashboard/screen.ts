/** The dashboard as lines of text: from a run's state and a size to at most `rows` lines of at most `columns` cells. */
import type { PhaseState, RunState } from '../../engine/events/reducer.ts';
import { clipLine } from '../../terminal/clip.ts';
import type { Size } from '../../terminal/size.ts';
import type { Style } from '../../terminal/style.ts';
import { type Line, type Styled, styled } from '../../terminal/styled.ts';
import type { RunAbout } from './about.ts';
import { journal } from './journal.ts';
import type { Key } from './keys.ts';
import { curve, headline, keyBar, machine, numbers, progress, summaryLine } from './panels.ts';
import { phases } from './phases.ts';

export interface ScreenInput {
  readonly state: RunState;
  readonly about: RunAbout;
  /** Seconds since 1970. */
  readonly now: number;
  readonly keys: readonly Key[];
  /** A sentence above the keys that says what was asked of the run. */
  readonly notice: string | undefined;
  /** Lines of the newest sample, for a wide screen. */
  readonly picture?: readonly Line[];
}

export type Layout = 'line' | 'narrow' | 'wide';

export function layoutOf({ columns, rows }: Size): Layout {
  if (columns < 60 || rows < 16) return 'line';
  return columns >= 100 && rows >= 30 ? 'wide' : 'narrow';
}

/**
 * One row less than the terminal has, because a frame as high as the screen makes Ink wipe the scrollback; and one
 * column less, because erasing to the end of a full line erases its last cell.
 */
export function frameSize({ columns, rows }: Size): Size {
  return { columns: Math.max(1, columns - 1), rows: Math.max(1, rows - 1) };
}

export function screen(input: ScreenInput, terminal: Size, style: Style): Styled[] {
  const size = frameSize(terminal);
  const { state, now, about } = input;
  const layout = layoutOf(terminal);
  if (layout === 'line') return [clipLine(summaryLine(state, now, style), size.columns)];

  const cells = size.columns;
  const head = headline(state, about, now, style, cells);
  const top = [...(isTraining(state) ? head : head.slice(0, 1)), ''];
  // There is an empty row between the news and the keys, which a notice may fill.
  const bottom = [style.warn(input.notice ?? ''), keyBar(input.keys, style, cells)];
  const room = size.rows - top.length - bottom.length;
  const body = isTraining(state)
    ? training(input, layout, { columns: cells, rows: room }, style)
    : waiting(input, { columns: cells, rows: room }, style);
  while (body.length < room) body.push('');
  return [...top, ...body.slice(0, room), ...bottom].map((line) => clipLine(line, cells)).slice(0, size.rows);
}

const isTraining = (state: RunState) => state.latest !== undefined || last(state)?.phase === 'train';
const last = (state: RunState): PhaseState | undefined => state.phases.at(-1);

/** The screen before the first step: the phases and their progress. */
function waiting({ state, now }: ScreenInput, size: Size, style: Style): Line[] {
  const lines = phases(state, now, style, size);
  const left = Math.max(0, size.rows - lines.length - 1);
  const notes = journal(state, now, style, { pictures: false }).slice(0, Math.min(left, 6));
  return [...lines, '', ...notes];
}

function training(input: ScreenInput, layout: Layout, size: Size, style: Style): Line[] {
  const { state, about, now, picture } = input;
  const above = [...progress(state, about, now, style, size.columns), ''];
  const figures = numbers(state, about, style, size.columns);
  const below = [...machine(state, now, style, size.columns), ''];
  const news = journal(state, now, style, { pictures: input.keys.some(({ action }) => action === 'pictures') });
  const free = size.rows - above.length - figures.length - below.length;
  // The chart gets the rows that the news leaves, within the limits in which it reads well.
  const chartRows = Math.min(layout === 'wide' ? 16 : 8, Math.max(3, free - 1 - Math.min(news.length, 5)));
  const side = layout === 'wide' && picture !== undefined && picture.length > 0 ? picture : [];
  const gap = side.length > 0 ? 42 : 0;
  const drawn = curve(state, style, { columns: size.columns - gap, rows: chartRows });
  const middle = side.length > 0 ? beside(drawn, side, size.columns - gap) : drawn;
  return [...above, ...figures, ...middle, ...below, ...news.slice(0, Math.max(0, free - middle.length))];
}

/** Puts `right` beside `left`, from the column `at` on. */
function beside(left: readonly Line[], right: readonly Line[], at: number): Styled[] {
  const height = Math.max(left.length, right.length);
  return Array.from({ length: height }, (_, i) => styled`${clipLine(left[i] ?? '', at, true)}  ${right[i] ?? ''}`);
}
