/** The screen of a run, laid out at three sizes: one line, narrow, and wide with the newest sample. */
import { Box } from 'ink';
import { formatDuration, neutralise, percent } from '../../base/text.ts';
import { secondsLeft } from '../../engine/events/pace.ts';
import type { RunState } from '../../engine/events/run-state.ts';
import type { ImageRow } from '../../terminal/screen.tsx';
import type { Size } from '../../terminal/size.ts';
import type { Style } from '../../terminal/style.ts';
import type { Line } from '../../terminal/styled.ts';
import type { RunAbout } from './about.ts';
import { Curve } from './curve.tsx';
import { Header } from './header.tsx';
import { JournalPanel, journal } from './journal.tsx';
import { KeyBar } from './key-bar.tsx';
import type { Key } from './keys.ts';
import { MachinePanel } from './machine.tsx';
import { lossText } from './parts.ts';
import { Phases, phaseLines } from './phases.tsx';
import { Figures, Progress } from './progress.tsx';
import { Sample, stripImages, stripLines } from './sample.tsx';
import { Gap, Lines, Words } from './words.tsx';

export interface RunScreenProps {
  readonly state: RunState;
  /** The state for the curve: the same, or an earlier one. */
  readonly curve: RunState;
  readonly about: RunAbout;
  /** Seconds since 1970. */
  readonly now: number;
  readonly keys: readonly Key[];
  /** A sentence above the keys about a request to the run. */
  readonly notice: string | undefined;
  /** Draws the newest sample in at most so many rows; no lines when there is none, or images cannot be shown. */
  readonly sample: (state: RunState, rows: number) => readonly Line[];
  /** Whether the terminal shows images itself: then the newest samples have rows of their own, which stay empty here. */
  readonly real?: boolean | undefined;
  /** Size of the terminal. */
  readonly size: Size;
  readonly style: Style;
}

export type Layout = 'line' | 'narrow' | 'wide';

export function layoutOf({ columns, rows }: Size): Layout {
  if (columns < 60 || rows < 16) return 'line';
  return columns >= 100 && rows >= 30 ? 'wide' : 'narrow';
}

/**
 * One row less than the terminal has, because Ink ends a frame with a line break, which would scroll; and one column
 * less, because erasing to the end of a full line erases its last cell.
 */
export function frameSize({ columns, rows }: Size): Size {
  return { columns: Math.max(1, columns - 1), rows: Math.max(1, rows - 1) };
}

export function RunScreen(props: RunScreenProps) {
  const { state, now, about, keys, notice, style } = props;
  if (layoutOf(props.size) === 'line') return <Summary state={state} now={now} style={style} />;
  const trains = isTraining(state);
  const { columns: cells } = frameSize(props.size);
  return (
    <>
      <Header {...{ state, about, now, cells, style }} hasBar={trains} />
      <Gap />
      <Box flexDirection="column" flexGrow={1} overflowY="hidden">
        {trains ? <Training {...props} /> : <Waiting {...props} />}
      </Box>
      <KeyBar {...{ keys, notice, cells, style }} />
    </>
  );
}

const isTraining = ({ latest, phases }: RunState) => latest !== undefined || phases.at(-1)?.phase === 'train';

/** Rows of the notice and the keys. */
const KEY_ROWS = 2;
/** Rows that are left beside the header, the line under it, the notice and the keys. */
const bodyRows = (size: Size, trains: boolean) => frameSize(size).rows - KEY_ROWS - (trains ? 3 : 2);

/** The screen before the first step. */
function Waiting({ state, now, size, style }: RunScreenProps) {
  const room = { columns: frameSize(size).columns, rows: bodyRows(size, false) };
  const taken = Math.min(phaseLines(state, now, style, room.columns).length + 2, room.rows);
  const left = Math.max(0, room.rows - taken - 1);
  return (
    <>
      <Phases {...{ state, now, style }} size={room} />
      <Gap />
      <JournalPanel {...{ state, now, style }} rows={Math.min(left, 6)} images={false} />
    </>
  );
}

/**
 * Rows of the training screen for progress, figures, machine and two empty lines; the rest is for the curve and the
 * news.
 */
const FIXED_ROWS = 5;
/**
 * Rows of the newest sample with its caption, where there is room, and the rows of the curve beside which it may not
 * grow.
 */
const SAMPLE_ROWS = 17;
const LEAST_CURVE = 8;

function Training(props: RunScreenProps) {
  const { state, curve, about, now, keys, sample, size, style } = props;
  const { columns } = frameSize(size);
  const images = keys.some(({ action }) => action === 'pictures');
  // One row is the axis of the curve.
  const free = bodyRows(size, true) - FIXED_ROWS - 1;
  const wide = layoutOf(size) === 'wide';
  const strip = stripOf(props);
  const apart = strip === undefined ? [] : stripLines(state, strip, style);
  const drawn = wide && apart.length === 0 ? sample(state, Math.min(SAMPLE_ROWS, free - LEAST_CURVE)) : [];
  const news = journal(state, now, style, { images }).length;
  // The curve gets the rows that the news leaves, within the limits for a readable curve. The sample stands beside the
  // news, which seldom change, because a changed line is sent to the terminal up to its end.
  const below = Math.max(drawn.length, Math.min(news, 5));
  const rows = Math.min(wide ? 16 : 8, Math.max(3, free - apart.length - below));
  return (
    <>
      <Progress {...{ state, about, now, style }} />
      <Gap />
      <Figures {...{ state, about, style }} />
      <Curve {...{ columns, rows, style }} state={curve} />
      <MachinePanel {...{ state, now, style }} />
      <Gap />
      <Box flexShrink={0}>
        <Box flexGrow={1} flexBasis={0}>
          <JournalPanel {...{ state, now, style, images }} rows={free - apart.length - rows} />
        </Box>
        {drawn.length > 0 && <Sample lines={drawn} style={style} />}
      </Box>
      <Box flexGrow={1} />
      <Lines lines={apart} style={style} />
    </>
  );
}

/** Least rows of the news above images, and of an image that shows more than a smear. */
const LEAST_NEWS = 3;
const LEAST_IMAGE = 5;
/** Rows above those images: an empty one, and their captions. */
const STRIP_HEAD = 2;

/**
 * The room of images on a terminal that shows them itself: whole rows above the keys, at a place that only the size of the
 * terminal decides. Text beside them that changes would take them away, and they would have to be sent again.
 */
function stripOf({ real, size }: Pick<RunScreenProps, 'real' | 'size'>) {
  if (real !== true || layoutOf(size) !== 'wide') return undefined;
  const free = bodyRows(size, true) - FIXED_ROWS - 1;
  const rows = Math.min(SAMPLE_ROWS, free - LEAST_CURVE - LEAST_NEWS) - STRIP_HEAD;
  return rows < LEAST_IMAGE ? undefined : { columns: frameSize(size).columns, rows };
}

/** Where a terminal that shows images itself draws the newest samples; undefined for none. */
export function screenImages(
  { state, real, size }: Pick<RunScreenProps, 'state' | 'real' | 'size'>,
  runDir: string,
): ImageRow | undefined {
  const strip = stripOf({ real, size });
  if (strip === undefined || !isTraining(state)) return undefined;
  return stripImages(state, runDir, frameSize(size).rows - KEY_ROWS - strip.rows, strip);
}

/** The only line on a tiny terminal. The name may be long, so it is cut first. */
function Summary({ state, now, style }: Pick<RunScreenProps, 'state' | 'now' | 'style'>) {
  const left = secondsLeft(state.pace, state.steps, now);
  const parts =
    state.latest === undefined
      ? [state.phases.at(-1)?.phase ?? 'starting']
      : [
          percent(state.step, state.steps),
          `step ${state.step}/${state.steps}`,
          state.smoothedLoss === undefined ? '' : `loss ${lossText(state.smoothedLoss)}`,
          left === undefined ? '' : `${formatDuration(left)} left`,
        ];
  const words = [...parts, neutralise(String(state.name))].filter(Boolean).join(' ');
  return <Words line={style.bold(words)} style={style} />;
}
