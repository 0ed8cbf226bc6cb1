import { plural } from '../../base/text.ts';
import { formatWhen } from '../../base/when.ts';
import type { RunState } from '../../engine/events/run-state.ts';
import { metricWords } from '../../engine/events/words.ts';
import { spell } from '../../terminal/signs.ts';
import type { Style } from '../../terminal/style.ts';
import { type Line, type Styled, styled } from '../../terminal/styled.ts';
import { Lines } from './words.tsx';

export interface JournalProps {
  readonly state: RunState;
  /** Seconds since 1970. */
  readonly now: number;
  /** Most lines. */
  readonly rows: number;
  /** Whether a key for the samples exists. */
  readonly images: boolean;
  readonly style: Style;
}

/** The latest notes, checkpoints and samples, the newest first, with one line each. */
export function JournalPanel({ state, now, rows, images, style }: JournalProps) {
  return <Lines lines={journal(state, now, style, { images }).slice(0, rows)} style={style} />;
}

interface Entry {
  readonly t: number;
  readonly mark: Line;
  readonly text: Line;
}

/** All lines of the journal. Pure. */
export function journal(
  state: RunState,
  now: number,
  style: Style,
  { images }: { readonly images: boolean },
): Styled[] {
  const { tick, bullet } = style.glyph;
  const notes: Entry[] = state.notes.map(({ t, level, text }) => ({
    t,
    mark: level === 'warn' ? style.warn('!') : style.dim(bullet),
    text: spell(String(text), style),
  }));
  const checkpoints: Entry[] = state.checkpoints.map(({ t, step, best }) => ({
    t,
    mark: style.good(tick),
    text: `checkpoint at step ${step}${best === true ? ' (best so far)' : ''}`,
  }));
  const saved: Entry[] = state.saved
    .filter(({ format }) => format === 'kohya')
    .map(({ t, path, best, step }) => ({
      t,
      mark: style.good(tick),
      text: `${spell(path, style)}${best === true ? ` (best: step ${step})` : ''}`,
    }));
  const samples: Entry[] = sampleGroups(state).map(({ t, step, count, newest }) => ({
    t,
    mark: style.good(tick),
    text: styled`samples at step ${step}: ${plural(count, 'picture')}${newest && images ? style.accent('   p to look') : ''}`,
  }));
  const metrics: Entry[] = state.metrics.map(({ t, step, values }) => ({
    t,
    mark: style.dim(bullet),
    text: `${metricWords(values)} at step ${step}`,
  }));
  return [...notes, ...checkpoints, ...saved, ...samples, ...metrics]
    .toSorted((a, b) => b.t - a.t)
    .map(({ t, mark, text }) => styled`${mark} ${style.dim(formatWhen(t, new Date(now * 1000)))}  ${text}`);
}

/** The samples of one step share a line. */
function sampleGroups({ samples }: RunState): { t: number; step: number; count: number; newest: boolean }[] {
  const groups = new Map<number, { t: number; step: number; count: number }>();
  for (const { t, step } of samples) {
    const group = groups.get(step);
    groups.set(step, { t, step, count: (group?.count ?? 0) + 1 });
  }
  const all = [...groups.values()];
  return all.map((group, i) => ({ ...group, newest: i === all.length - 1 }));
}
