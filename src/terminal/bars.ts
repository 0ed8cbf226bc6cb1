/** A few progress bars on stderr, below all lines printed so far. They survive changes of the terminal's width. */
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
  /** Shows a row. A row with a new name is added below the others. */
  set(name: string, done: number, total: number, text: string): void;
  /** Prints a line that stays above the bars. */
  note(text: string): void;
  /** Removes the bars and prints the notes that are left. It may be called any number of times. */
  close(): void;
}

/** Most cells of a row: longer rows say no more, and shorter ones survive more narrowing without being folded. */
const WIDEST = 100;
const NARROWEST_WITH_BAR = 40;
/** The last cell of a line stays free, because some terminals break the line after it. */
const MARGIN = 1;

/** Bars on stderr; undefined where the screen may not be redrawn and progress must be printed as lines. */
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
    // This makes cli-progress show the cursor again at the first Ctrl-C, because a second one ends the process at
    // once.
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

/**
 * Lays out a row as text, then the bar at the right. The row ends with a visible sign, so that every terminal counts
 * its full width.
 */
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

/** Whether the terminal folds lines that have become too long; xterm and GNU screen cut them. */
function foldsLines(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env.TMUX) || !(env.XTERM_VERSION || env.STY);
}
