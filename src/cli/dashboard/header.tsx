import { Box } from 'ink';
import { formatDuration, neutralise, percent } from '../../base/text.ts';
import { formatWhen } from '../../base/when.ts';
import { secondsLeft } from '../../engine/events/pace.ts';
import type { RunState } from '../../engine/events/run-state.ts';
import type { Style } from '../../terminal/style.ts';
import { styled } from '../../terminal/styled.ts';
import type { RunAbout } from './about.ts';
import { bar, stepsDone } from './parts.ts';
import { Ends, Words } from './words.tsx';

export interface HeaderProps {
  readonly state: RunState;
  readonly about: RunAbout;
  /** Seconds since 1970. */
  readonly now: number;
  /** Width in cells. */
  readonly cells: number;
  /** Whether there is progress to show under the name. */
  readonly hasBar: boolean;
  readonly style: Style;
}

/** Name, subject, progress and end of the run, and the bar. */
export function Header({ state, about, now, cells, hasBar, style }: HeaderProps) {
  const what = [about.model, about.rank === undefined ? undefined : `rank ${about.rank}`].filter(Boolean).join('   ');
  const left = secondsLeft(state.pace, state.steps, now);
  const ending =
    left === undefined ? '' : `   ends ${formatWhen(now + left, new Date(now * 1000))} (${formatDuration(left)})`;
  const name = styled`${style.bold(neutralise(String(state.name)))}   ${what}`;
  return (
    <Box flexDirection="column" flexShrink={0}>
      <Ends left={name} right={state.step > 0 ? `${percent(state.step, state.steps)}${ending}` : ''} style={style} />
      {hasBar && <Words line={bar(stepsDone(state), cells, style)} style={style} />}
    </Box>
  );
}
