import { formatBytes, formatDuration, formatPace, neutralise, percent, unitWord } from '../../base/text.ts';
import type { PhaseName, PhaseState, RunState } from '../../engine/events/run-state.ts';
import { phaseWords } from '../../engine/events/words.ts';
import { padEnd, truncate } from '../../terminal/columns.ts';
import type { Size } from '../../terminal/size.ts';
import type { Style } from '../../terminal/style.ts';
import { type Styled, styled } from '../../terminal/styled.ts';
import { bar } from './parts.ts';
import { Gap, Lines, Words } from './words.tsx';

/** The usual order of phases, from which future phases are shown. */
const order: readonly PhaseName[] = ['environment', 'captions', 'download', 'load', 'cache', 'train'];

export interface PhasesProps {
  readonly state: RunState;
  /** Seconds since 1970. */
  readonly now: number;
  readonly size: Size;
  readonly style: Style;
}

/** The phases before training (environment, base model, images), each with its progress, and the future ones. */
export function Phases({ state, now, size, style }: PhasesProps) {
  const away = style.dim('If you press Ctrl-C, or the connection drops, it goes on in the background.');
  const lines = phaseLines(state, now, style, size.columns);
  return (
    <>
      <Lines lines={lines.slice(0, Math.max(1, size.rows - 2))} style={style} />
      <Gap />
      <Words line={away} style={style} />
    </>
  );
}

/** All lines of the phases, without the last sentence. Pure. */
export function phaseLines(state: RunState, now: number, style: Style, columns: number): Styled[] {
  const seen = joined(state.phases);
  const current = seen.at(-1);
  const at = current === undefined ? -1 : order.indexOf(current.phase);
  // Most runs write no captions.
  const coming = order.filter(
    (phase, i) => i > at && phase !== 'captions' && !seen.some((entered) => entered.phase === phase),
  );
  return [
    ...seen.flatMap((phase) => lines_(phase, now, style, columns)),
    ...coming.map((phase) => style.dim(`  ${phaseWords[phase].title}`)),
  ];
}

/** Phases of the same name that follow each other as one, such as a fetched captioner and its work. */
function joined(phases: readonly PhaseState[]): readonly PhaseState[] {
  return phases.flatMap((phase, i) => {
    if (phases[i + 1]?.phase === phase.phase) return [];
    let first = i;
    while (phases[first - 1]?.phase === phase.phase) first -= 1;
    return [{ ...phase, startedAt: phases[first]?.startedAt ?? phase.startedAt }];
  });
}

function lines_(phase: PhaseState, now: number, style: Style, columns: number): Styled[] {
  const title = padEnd(phaseWords[phase.phase].title, 24);
  const seconds = (phase.endedAt ?? now) - phase.startedAt;
  const detail = phase.detail === undefined ? '' : `  ${neutralise(phase.detail)}`;
  if (phase.endedAt !== undefined) {
    const took = seconds >= 1 ? formatDuration(seconds) : 'ready';
    return [styled`${style.good(style.glyph.tick)} ${title}${style.dim(took + detail)}`];
  }
  const head = styled`${style.accent(style.glyph.pointer)} ${style.bold(title)}${style.dim(formatDuration(seconds) + detail)}`;
  const items = current(Object.entries(phase.items)).slice(-5);
  return [head, ...items.flatMap(([name, item]) => itemLines(name, item, style, columns))];
}

type Item = PhaseState['items'][string];

/** The items without earlier stages of a set-up: all of its stages count the same packages, and only the last goes on. */
function current(items: readonly (readonly [string, Item])[]): readonly (readonly [string, Item])[] {
  const last = items.findLastIndex(([, { unit }]) => unit === 'packages');
  return items.filter(([, { unit }], i) => unit !== 'packages' || i === last);
}

function itemLines(name: string, item: Item, style: Style, columns: number): Styled[] {
  const { done, total, rate, unit, detail } = item;
  const label = name === '' ? [] : [styled`    ${truncate(neutralise(name), columns - 6, style.glyph.ellipsis)}`];
  if (total !== undefined && done >= total && name !== '')
    return [
      styled`    ${style.good(style.glyph.tick)} ${truncate(neutralise(name), columns - 24)}  ${style.dim(amount(total, unit))}`,
    ];
  const count = countText(done, total, unit);
  const pace = formatPace(rate, unit, total === undefined ? undefined : total - done);
  const words = [pace, neutralise(detail ?? '')].map((word) => (word === '' ? '' : `  ${word}`)).join('');
  if (total === undefined || total === 0) return [...label, styled`    ${count}${words}`];
  return [
    ...label,
    styled`    ${bar(done / total, Math.min(30, Math.max(8, columns - 64)), style)}  ${percent(done, total)}  ${count}${words}`,
  ];
}

const amount = (n: number, unit: Item['unit']) =>
  unit === 'bytes' ? formatBytes(n) : `${Math.round(n)} ${unitWord(unit)}`;

/** A count with its total: `4.6 of 6.9 GB` or `12 of 40 pictures`. */
function countText(done: number, total: number | undefined, unit: Item['unit']): string {
  if (total === undefined) return amount(done, unit);
  const [some = '', is] = amount(done, unit).split(' ');
  const whole = amount(total, unit);
  return whole.endsWith(` ${is}`) ? `${some} of ${whole}` : `${some} ${is} of ${whole}`;
}
