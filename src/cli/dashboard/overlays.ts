/** Full-screen pages over the dashboard: help, log, samples and questions. Each is at most `rows` lines of text. */
import { join } from 'node:path';
import { neutralise } from '../../base/text.ts';
import type { RunState } from '../../engine/events/reducer.ts';
import { ends, padEnd, truncate, width, wrap } from '../../terminal/columns.ts';
import { canShowPictures, type PictureRoom, renderPicture, renderPicturePair } from '../../terminal/pictures.ts';
import { spell } from '../../terminal/signs.ts';
import type { Size } from '../../terminal/size.ts';
import type { Style } from '../../terminal/style.ts';
import { type Line, styled } from '../../terminal/styled.ts';
import type { Key } from './keys.ts';
import { type SamplePair, samplePairs } from './samples.ts';

export function helpPage(keys: readonly Key[], style: Style, { columns, rows }: Size): Line[] {
  const body = keys.flatMap(({ keys: names, help }) => {
    const [first = '', ...rest] = wrap(spell(help, style), columns - 14);
    return [
      styled`  ${style.accent(padEnd(names.join(', '), 8))}  ${first}`,
      ...rest.map((line) => `${' '.repeat(12)}${line}`),
    ];
  });
  const ctrl = wrap(
    'Ctrl-C asks what you want; Ctrl-Z goes back to the shell until fg. Closing the window changes nothing for the run.',
    columns - 4,
  );
  const back = style.dim('any key: back to the run');
  const page = [style.bold('Keys'), '', ...body, '', ...ctrl.map((line) => `  ${line}`), '', back];
  if (page.length <= rows) return page;
  // When there is too little room, each key gets one line, cut at the edge.
  const short = keys.map(({ keys: names, help }) => {
    const about = truncate(spell(help, style), columns - 12, style.glyph.ellipsis);
    return styled`${style.accent(padEnd(names.join(', '), 8))}  ${about}`;
  });
  return [...short.slice(0, rows - 1), back];
}

/** @param lines the end of trainer.log, oldest first */
export function logPage(lines: readonly string[], style: Style, { columns, rows }: Size): Line[] {
  const shown = lines.slice(-(rows - 4)).map((line) => truncate(line, columns, style.glyph.ellipsis));
  const body = shown.length > 0 ? shown : ['The trainer has not printed anything yet.'];
  return [style.bold('trainer.log'), '', ...body, '', style.dim('any key: back to the run')];
}

export interface PicturesInput {
  readonly state: RunState;
  readonly runDir: string;
  /** Index of the pair that is shown, newest first. */
  readonly at: number;
  readonly colour: number;
}

export function picturesPage(
  { state, runDir, at, colour }: PicturesInput,
  style: Style,
  { columns, rows }: Size,
): Line[] {
  const pairs = samplePairs(state);
  const pair = pairs[at];
  const keys = style.dim(
    `${style.unicode ? '← →' : 'left right'} others ${style.glyph.dot} any other key: back to the run`,
  );
  if (pair === undefined) return [style.bold('Samples'), '', 'No sample pictures yet; g asks for some.', '', keys];
  const place = ends(
    `Sample ${at + 1} of ${pairs.length}, step ${pair.step}, seed ${pair.seed}`,
    '',
    columns,
  ).trimEnd();
  const prompt = truncate(spell(neutralise(pair.prompt), style), columns, style.glyph.ellipsis);
  const room = { columns, rows: rows - 6, colour, unicode: style.unicode };
  const pictures = pairPictures(pair, runDir, room);
  const hint = canShowPictures(room) ? [] : [style.dim('This terminal shows no pictures: open the files.')];
  return [style.bold(place), style.dim(prompt), '', ...pictures.slice(0, rows - 6), ...hint, '', keys];
}

function pairPictures(pair: SamplePair, runDir: string, room: PictureRoom): readonly Line[] {
  const [without, withIt] = [pair.without, pair.with].map((path) => path && join(runDir, path));
  if (without && withIt) return renderPicturePair({ without, with: withIt }, room);
  const alone = withIt ?? without ?? '';
  const heading = without ? ['without the LoRA'] : [];
  const below = { ...room, rows: room.rows - heading.length };
  return [...heading, ...(renderPicture(alone, below) ?? [neutralise(alone)])];
}

export interface Option {
  readonly key: string;
  readonly label: string;
  readonly about: string;
}

/** A question that is answered with single keys. Enter takes the first option. */
export function questionPage(question: string, options: readonly Option[], style: Style): Line[] {
  const named = options.map(({ label }, i) => `${label}${i === 0 ? ' (Enter)' : ''}`);
  const wide = Math.max(...named.map((name) => width(name))) + 2;
  return [
    style.bold(question),
    '',
    ...options.map(
      ({ key, about }, i) => styled`  ${style.accent(key)}  ${padEnd(named[i] ?? '', wide)}${style.dim(about)}`,
    ),
  ];
}
