/**
 * Colours and glyphs, each with a twin for terminals that lack them. There is one accent colour; red and yellow mean
 * trouble.
 */
import { Chalk, type ChalkInstance } from 'chalk';
import type { Capabilities } from './capabilities.ts';
import { Styled } from './styled.ts';

export interface Glyphs {
  readonly pointer: string;
  readonly tick: string;
  readonly cross: string;
  readonly bullet: string;
  readonly rule: string;
  readonly full: string;
  readonly empty: string;
  /** Eighths of a full block, from one to seven; empty on a terminal without Unicode. */
  readonly parts: readonly string[];
  readonly down: string;
  readonly up: string;
  readonly back: string;
  readonly dot: string;
  readonly times: string;
  readonly plusMinus: string;
  readonly arrow: string;
  readonly updown: string;
  readonly ellipsis: string;
  readonly about: string;
  readonly axis: { readonly tick: string; readonly side: string; readonly corner: string; readonly floor: string };
}

const UNICODE: Glyphs = {
  pointer: '❯',
  tick: '✔',
  cross: '✖',
  bullet: '•',
  rule: '─',
  full: '█',
  empty: '░',
  parts: ['▏', '▎', '▍', '▌', '▋', '▊', '▉'],
  down: '↓',
  up: '↑',
  back: '←',
  dot: '·',
  times: '×',
  plusMinus: '±',
  arrow: '→',
  updown: '↑↓',
  ellipsis: '…',
  about: '≈',
  axis: { tick: '┤', side: '│', corner: '└', floor: '─' },
};

const ASCII: Glyphs = {
  pointer: '>',
  tick: 'v',
  cross: 'x',
  bullet: '*',
  rule: '-',
  full: '#',
  empty: '-',
  parts: [],
  down: 'down',
  up: 'up',
  back: '<-',
  dot: '-',
  times: 'x',
  plusMinus: '+-',
  arrow: '->',
  updown: 'up/down',
  ellipsis: '...',
  about: '~',
  axis: { tick: '|', side: '|', corner: '+', floor: '-' },
};

type Paint = (text: string) => Styled;

export interface Style {
  readonly glyph: Glyphs;
  readonly unicode: boolean;
  readonly accent: Paint;
  readonly bold: Paint;
  readonly dim: Paint;
  readonly good: Paint;
  readonly warn: Paint;
  readonly bad: Paint;
}

/**
 * The style of a terminal. `colour` is 0 for none, 1 for sixteen, 2 for 256 colours, 3 for 24 bits; text uses only
 * sixteen.
 */
export function styleFor({ colour, unicode }: Pick<Capabilities, 'colour' | 'unicode'>): Style {
  const chalk = new Chalk({ level: colour });
  const paint =
    (with_: ChalkInstance): Paint =>
    (text) =>
      Styled.chalked(text, with_);
  return {
    glyph: unicode ? UNICODE : ASCII,
    unicode,
    accent: paint(chalk.cyan),
    bold: paint(chalk.bold),
    dim: paint(chalk.dim),
    good: paint(chalk.green),
    warn: paint(chalk.yellow),
    bad: paint(chalk.red),
  };
}
