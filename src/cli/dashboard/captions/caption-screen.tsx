/** The screen on which captions are edited: the image, the parts of its caption with scores, and the caption itself. */
import { memo } from 'react';
import { neutralise } from '../../../base/text.ts';
import { clipLine } from '../../../terminal/clip.ts';
import { padEnd, truncate, truncateStart, width, wrap } from '../../../terminal/columns.ts';
import { canShowImages, renderImage } from '../../../terminal/images.ts';
import { spell } from '../../../terminal/signs.ts';
import type { Size } from '../../../terminal/size.ts';
import type { Style } from '../../../terminal/style.ts';
import { type Line, Styled, styled } from '../../../terminal/styled.ts';
import { Lines } from '../words.tsx';
import {
  type CaptionPart,
  type CaptionSet,
  type CaptionUi,
  captionOfEntry,
  changedCaptions,
  editEntry,
} from './caption-press.ts';
import { signsOf } from './typed-line.ts';

export interface CaptionScreenProps {
  readonly set: CaptionSet;
  readonly ui: CaptionUi;
  /** Path of the preview of an image, whether it exists or not. */
  readonly preview: (at: number) => string;
  /** Why there are no previews; undefined when there are, or will be. */
  readonly unseen: string | undefined;
  /** Number of previews made so far; it changes so that a new preview is drawn. */
  readonly made: number;
  readonly size: Size;
  readonly colour: number;
  readonly style: Style;
}

/** With fewer columns there is no room for an image beside the caption. */
const LEAST_WIDE = 60;
/** Most lines of the caption as a whole. */
const MOST_CAPTION = 4;

export const CaptionScreen = memo(function CaptionScreen(props: CaptionScreenProps) {
  return <Lines lines={editLines(props)} style={props.style} />;
});

export function editLines(props: CaptionScreenProps): Line[] {
  const { set, ui, size, style } = props;
  const { columns, rows: height } = size;
  const image = set.images[ui.at];
  if (image === undefined) return ['There is no picture.'];
  const entry = editEntry(ui, set);
  const caption = captionOfEntry(entry);
  const below = ui.asking === undefined ? captionBelow(caption, props) : asked(props, ui.asking);
  const foot: Line[] = [
    ...below,
    ui.notice === '' ? '' : style.warn(truncate(neutralise(ui.notice), columns, style.glyph.ellipsis)),
    keyBar(props),
  ];
  const room = Math.max(1, height - 2 - foot.length);
  const isWide = columns >= LEAST_WIDE && height >= 12;
  const left = isWide ? picture(props, { columns: Math.floor((columns - 2) / 2), rows: room }) : [];
  const used = left.length === 0 ? 0 : Math.max(...left.map((line) => Styled.of(line).width));
  const gap = used === 0 ? 0 : 2;
  const right = partLines(entry.parts, props, { columns: columns - used - gap, rows: room });
  const body = Array.from({ length: room }, (_, i) =>
    used === 0 ? (right[i] ?? '') : styled`${clipLine(left[i] ?? '', used, true)}  ${right[i] ?? ''}`,
  );
  return [...heading(image.path, props), ...body, ...foot].slice(0, height);
}

function heading(path: string, { set, ui, size, style }: CaptionScreenProps): Line[] {
  const { images } = set;
  const place = ui.found === undefined ? ui.at + 1 : ui.found.indexOf(ui.at) + 1;
  const all = ui.found === undefined ? `${images.length}` : `${ui.found.length} found`;
  const count = changedCaptions(ui, set).size;
  const right = spell(`${place} of ${all}${count === 0 ? '' : ` · ${count} changed`}`, style);
  const cells = Math.max(1, size.columns - width(right) - 2);
  const name = truncateStart(spell(neutralise(path), style), cells, style.glyph.ellipsis);
  return [styled`${style.bold(padEnd(name, cells))}  ${style.dim(right)}`, ''];
}

/** The image as half blocks; else the reason why there is none, in the same room. */
function picture({ preview, unseen, colour, style, ui }: CaptionScreenProps, room: Size): readonly Line[] {
  if (!canShowImages({ colour, unicode: style.unicode })) return [];
  const drawn = renderImage(preview(ui.at), { ...room, colour, unicode: style.unicode });
  if (drawn !== undefined) return drawn;
  const words = unseen === undefined ? 'The picture comes in a moment.' : `The picture cannot be shown: ${unseen}`;
  return wrap(neutralise(words), Math.min(room.columns, 30)).map((line) => style.dim(padEnd(line, 30)));
}

function partLines(parts: readonly CaptionPart[], { ui, style }: CaptionScreenProps, room: Size): Line[] {
  if (parts.length === 0) return [style.dim(truncate('No caption: a adds a tag.', room.columns, style.glyph.ellipsis))];
  const from = Math.max(0, Math.min(ui.row - Math.floor(room.rows / 2), parts.length - room.rows));
  return parts.slice(from, from + room.rows).map(({ text, on, score }, i) => {
    const isHere = from + i === ui.row;
    const number = score === undefined ? '    ' : score.toFixed(2);
    const cells = Math.max(1, room.columns - 12);
    const words = padEnd(truncate(spell(neutralise(text), style), cells, style.glyph.ellipsis), cells);
    const mark = on ? '[x] ' : '[ ] ';
    const line = `${mark}${words} ${number}`;
    if (isHere) return styled`${style.accent(`${style.glyph.pointer} `)}${style.bold(line)}`;
    return on ? `  ${line}` : styled`  ${style.dim(line)}`;
  });
}

function captionBelow(caption: string, { size, style }: CaptionScreenProps): Line[] {
  const lines = wrap(spell(neutralise(caption), style), size.columns);
  const shown = lines.slice(0, MOST_CAPTION);
  const last = shown.at(-1);
  if (lines.length > shown.length && last !== undefined)
    shown[shown.length - 1] = truncate(`${last} ${style.glyph.ellipsis}`, size.columns, style.glyph.ellipsis);
  return ['', ...shown.map((line) => style.dim(line))];
}

const LABELS = { add: 'Add', whole: 'Caption', search: 'Search' } as const;

/** The line that is being typed, with its cursor, as much of it as fits. */
function asked({ size, colour, style }: CaptionScreenProps, asking: NonNullable<CaptionUi['asking']>): Line[] {
  const label = `${LABELS[asking.kind]}: `;
  const signs = signsOf(spell(neutralise(asking.text), style));
  const room = Math.max(4, size.columns - width(label) - 2);
  const at = Math.min(asking.cursor, signs.length);
  let from = 0;
  while (width(signs.slice(from, at).join('')) >= room) from += 1;
  let to = at;
  while (to < signs.length && width(signs.slice(from, to + 1).join('')) < room) to += 1;
  const [before, here, after] = [signs.slice(from, at), signs[at] ?? ' ', signs.slice(at + 1, to)];
  // On a terminal without reverse video a bar shows the cursor.
  const cursor = colour > 0 ? Styled.painted(here, '7', '27') : `|${here}`;
  return ['', styled`${style.accent(label)}${before.join('')}${cursor}${after.join('')}`];
}

function keyBar({ ui, size, style }: CaptionScreenProps): Line {
  const arrows = style.unicode ? '← →' : 'left right';
  const names =
    ui.asking === undefined
      ? ['space on/off', `${arrows} picture`, 'a add', 'e edit text', 'u undo', '/ search', 'q leave']
      : ['enter take', 'esc back', ...(ui.asking.kind === 'add' ? ['tab complete'] : [])];
  const between = ` ${style.glyph.dot} `;
  while (width(names.join(between)) > size.columns && names.length > 2) names.splice(-2, 1);
  return style.dim(truncate(names.join(between), size.columns, style.glyph.ellipsis));
}
