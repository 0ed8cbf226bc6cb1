/** A few progress bars at the bottom of what was said, on stderr; they survive changes of the terminal's width. */
import { Format, type GenericFormatter, MultiBar, type Params, type SingleBar } from 'cli-progress';
import { BarTerminal } from './bar-terminal.ts';
import { capabilities } from './capabilities.ts';
import { padEnd, truncate } from './columns.ts';
import { type Style, styleFor } from './style.ts';
import { onTerminal } from './styled.ts';

export interface BarsInput {
  readonly env: NodeJS.ProcessEnv;
  readonly flags: { readonly plain: boolean; readonly json: boolean };
}

export interface Bars {
  /** Shows a row, below those there are when its name is new. */
  set(name: string, done: number, total: number, text: string): void;
  /** A line that stays, above the bars. */
  note(text: string): void;
  /** Takes the bars away; what is left to say stays. Any number of times. */
  close(): void;
}

/** Longer rows say no more, and shorter ones survive more narrowing unfolded. */
const WIDEST = 100;
const NARROWEST_WITH_BAR = 40;
/** The last cell of a line stays free: some terminals break the line behind it. */
const MARGIN = 1;

/** Bars on stderr, or undefined where nothing may be redrawn: then lines have to do. */
export function progressBars({ env, flags }: BarsInput): Bars | undefined {
  if (process.stderr.isTTY !== true) return undefined;
  const can = capabilities({ env, stdin: process.stdin, stdout: process.stderr, plain: flags.plain });
  if (can.accessible || flags.json) return undefined;
  const terminal = new BarTerminal(process.stderr, { folds: foldsLines(env), unicode: can.unicode });
  const style = styleFor({ colour: 0, unicode: can.unicode });
  const { glyph } = style;
  const options = {
    stream: process.stderr,
    terminal,
    format: rowWith(style),
    barCompleteChar: glyph.full,
    barIncompleteChar: glyph.empty,
    forceRedraw: true,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    fps: 5,
    // The cursor comes back at the first Ctrl-C: a second one ends the process on the spot.
    gracefulExit: true,
  };
  const multi = new MultiBar(options);
  multi.on('update-post', () => terminal.paint());
  const all = new Map<string, SingleBar>();
  return {
    set(name, done, total, text) {
      const bar = all.get(name);
      const payload = { text };
      if (bar === undefined) all.set(name, multi.create(total, done, payload));
      else {
        bar.setTotal(total);
        bar.update(Math.min(done, total), payload);
      }
    },
    note: (text) => terminal.note(text),
    close: () => multi.stop(),
  };
}

/** Text, then the bar at the right: a row ends with ink, so that every terminal takes it to be as wide as it is. */
function rowWith({ glyph: { ellipsis }, unicode }: Style): GenericFormatter {
  return (options, { progress, maxWidth = 80 }: Params & { maxWidth?: number }, payload) => {
    const text = onTerminal(String(payload.text), { unicode });
    const cells = Math.min(WIDEST, maxWidth - MARGIN);
    if (cells < NARROWEST_WITH_BAR) return truncate(text, cells, ellipsis);
    const barsize = Math.floor(cells / 5);
    const room = cells - barsize - 2;
    return `${padEnd(truncate(text, room, ellipsis), room)}  ${Format.BarFormat(progress, { ...options, barsize })}`;
  };
}

/** xterm and GNU screen cut lines where the others fold them. */
function foldsLines(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env.TMUX) || !(env.XTERM_VERSION || env.STY);
}
