/** The frame of every question: the place in the wizard, the keys, the explanation. Pure. */

import { neutralise } from '../../base/text.ts';
import { ends, truncate, width, wrap } from '../../terminal/columns.ts';
import { spell } from '../../terminal/signs.ts';
import type { Style } from '../../terminal/style.ts';
import { highlighted, type Line, styled } from '../../terminal/styled.ts';
import type { CheckWatch, ChooseForm, Suggestion } from '../questions/question.ts';

export interface PromptFrame {
  readonly label: string;
  readonly text: string;
  /** Place in the wizard, such as `3/7  Model`. */
  readonly place: string;
  readonly why: string;
  /** Paragraphs that `?` shows. */
  readonly help: readonly string[];
  readonly canGoBack: boolean;
  /** The line that the record shows for an answer. */
  readonly record: (value: string) => string;
  readonly style: Style;
  /** Present width of the terminal; it may be resized while a question is open. */
  readonly columns: number;
  readonly rows: number;
}

export type Reply = { readonly kind: 'answer'; readonly value: string } | { readonly kind: 'back' };

const LABEL_CELLS = 10;

export function topLine({ text, place, style, columns }: PromptFrame): Line[] {
  const cells = columns - 1;
  const room = Math.max(10, cells - width(place) - 3);
  const [first = '', ...rest] = wrap(spell(neutralise(text), style), room);
  const head = ends(first, style.unicode ? place : spell(place, style), cells - 2);
  const painted = highlighted(head, [
    [first, style.bold],
    [place, style.dim],
  ]);
  return [styled`${style.accent('?')} ${painted}`, ...rest.map((line) => styled`  ${style.bold(line)}`)];
}

/** The line that stays in the scrollback after a question is answered. */
export function recordLine(frame: Pick<PromptFrame, 'label' | 'style' | 'columns'>, value: string): Line {
  const { style, label, columns } = frame;
  const text = truncate(spell(neutralise(value), style), columns - LABEL_CELLS - 5, style.glyph.ellipsis);
  return styled`${style.good(style.glyph.tick)} ${style.dim(spell(label, style).padEnd(LABEL_CELLS))} ${text}`;
}

export function backLine({ style, label }: Pick<PromptFrame, 'label' | 'style'>): Line {
  return style.dim(`${style.glyph.back} ${label}: back`);
}

/** A rule, the explanation and the keys. `about` is padded to `lines` lines, so that the list above does not jump. */
export function pane(
  frame: PromptFrame,
  body: {
    about: string;
    lines: number;
    error?: string | undefined;
    help: boolean;
    keys: readonly string[];
    /** Text within the rule: the position in a longer list. */
    mark?: string;
  },
): Line[] {
  const { style, columns, rows } = frame;
  const cells = columns - 1;
  const about = body.help
    ? frame.help.flatMap((entry) => wrap(spell(neutralise(entry), style), cells)).slice(0, Math.max(4, rows - 8))
    : wrap(spell(neutralise(body.about), style), cells).slice(0, body.lines);
  while (!body.help && about.length < body.lines) about.push('');
  const keys = keysLine(body.keys, ` ${style.glyph.dot} `, cells);
  return [
    style.dim(rule(body.mark ?? '', style.glyph.rule, cells)),
    ...about,
    ...(body.error === undefined
      ? []
      : wrap(`${style.glyph.cross} ${spell(neutralise(body.error), style)}`, cells).map((line) => style.bad(line))),
    style.dim(keys),
  ];
}

function rule(mark: string, glyph: string, cells: number): string {
  if (mark === '') return glyph.repeat(cells);
  return `${glyph.repeat(Math.max(0, cells - width(mark) - 4))} ${mark} ${glyph.repeat(2)}`;
}

/** Keys that every question has, shown after its own keys. */
export function commonKeys(frame: PromptFrame): string[] {
  return [
    ...(frame.help.length > 0 ? ['? help'] : []),
    ...(frame.canGoBack ? ['Esc back'] : []),
    'Ctrl-C leave (nothing is lost)',
  ];
}

/** The keys that fit. When there is too little room, words in brackets are left out first, then the last keys. */
function keysLine(keys: readonly string[], between: string, cells: number): string {
  const whole = keys.join(between);
  if (width(whole) <= cells) return whole;
  const short = keys.map((key) => key.replace(/ \(.*\)$/, ''));
  while (width(short.join(between)) > cells) short.pop();
  return short.join(between);
}

/** A line form with everything needed to check and complete it. */
export interface LineAsk {
  readonly kind: 'line';
  readonly initial: string;
  readonly placeholder?: string;
  /** Returns a sentence when the text is not acceptable; undefined when it is. */
  readonly check: (text: string, watch?: CheckWatch) => Promise<string | undefined>;
  readonly suggest?: (text: string) => Promise<readonly Suggestion[]>;
}

export type Asker = (frame: PromptFrame, form: ChooseForm | LineAsk) => Promise<Reply>;
