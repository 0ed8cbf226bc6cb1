/** The screen of a judgement: its table as it grows, and the samples of each row beside the base model's. */
import { basename } from 'node:path';
import { memo } from 'react';
import { neutralise } from '../../../base/text.ts';
import type { Judgement, JudgeRow } from '../../../engine/judge/schema.ts';
import { insideRun } from '../../../engine/run-folder/inside.ts';
import { clipLine } from '../../../terminal/clip.ts';
import { padEnd, truncate, wrap } from '../../../terminal/columns.ts';
import { canShowImages, renderImage } from '../../../terminal/images.ts';
import type { ImageRow } from '../../../terminal/screen.tsx';
import { spell } from '../../../terminal/signs.ts';
import type { Size } from '../../../terminal/size.ts';
import type { Style } from '../../../terminal/style.ts';
import { type Line, Styled, styled } from '../../../terminal/styled.ts';
import { Lines } from '../words.tsx';
import type { JudgeUi } from './judge-press.ts';
import { judgedRow, judgeTable, rowsWanted } from './judge-table.ts';

export interface JudgeScreenProps {
  readonly name: string;
  readonly runDir: string;
  readonly judgement: Judgement;
  /** Whether a live process is working on it. */
  readonly goesOn: boolean;
  readonly ui: JudgeUi;
  /** Size of the screen. */
  readonly size: Size;
  readonly colour: number;
  readonly style: Style;
  /** Whether the terminal can show images itself, for which this screen leaves rows empty. */
  readonly real: boolean;
}

export const JudgeScreen = memo(function JudgeScreen(props: JudgeScreenProps) {
  const lines = props.ui.page === 'table' ? tablePage(props) : samplesPage(props);
  return <Lines lines={lines} style={props.style} />;
});

function tablePage({ name, judgement, goesOn, ui, size, style }: JudgeScreenProps): Line[] {
  const { columns, rows: height } = size;
  const { rows, advice, measure } = judgement;
  const state = goesOn ? 'goes on' : judgement.status === 'done' ? 'done' : 'ended';
  const head = `${neutralise(name)}: ${rows.length} of ${rowsWanted(judgement)} rows, ${state}; judged by ${neutralise(measure)}`;
  const [titles = '', ...all] = judgeTable(judgement, { width: columns - 2, ellipsis: style.glyph.ellipsis });
  const body = all.map((line, i) => {
    const text = spell(line, style);
    return i === ui.row ? styled`${style.accent(`${style.glyph.pointer} `)}${style.bold(text)}` : `  ${text}`;
  });
  const words = advice === null ? [] : [advice.text, advice.doubt].flatMap((text) => ['', ...wrap(text, columns - 1)]);
  const room = Math.max(1, height - 5 - words.length);
  const from = Math.max(0, Math.min(ui.row - Math.floor(room / 2), body.length - room));
  return [
    style.bold(truncate(spell(head, style), columns, style.glyph.ellipsis)),
    '',
    style.dim(`  ${spell(titles, style)}`),
    ...(body.length === 0 ? ['  The base model comes first.'] : body.slice(from, from + room)),
    ...words.map((line) => spell(line, style)),
    '',
    keys(['up down: row', 'p: samples', 'q: leave'], style),
  ].slice(0, height);
}

/** Rows above the images on the page of samples: the row, the prompt, an empty line, the titles. */
const ABOVE = 4;
/** Rows without images: those above, an empty line, the keys. */
const NO_IMAGES = ABOVE + 2;
const BETWEEN = 2;

const cellsOf = (columns: number) => Math.floor((columns - 2 * BETWEEN) / 3);

/** The images to be drawn by a terminal that can show them, with their places; undefined for none. */
export function placedImages({ real, runDir, judgement, ui, size }: JudgeScreenProps): ImageRow | undefined {
  const row = judgement.rows[ui.row];
  if (!real || ui.page !== 'samples' || row === undefined || size.rows <= NO_IMAGES) return undefined;
  const cells = cellsOf(size.columns);
  const images = panels({ runDir, judgement }, row, placeOf(judgement, ui)).flatMap(({ path }, i) =>
    path === undefined ? [] : [{ path, column: i * (cells + BETWEEN), columns: cells }],
  );
  return { top: ABOVE, rows: size.rows - NO_IMAGES, images };
}

/** Index of prompt and seed of the sample that is shown. */
function placeOf({ request }: Judgement, { sample }: JudgeUi) {
  const seeds = Math.max(1, request.seeds.length);
  return { prompt: Math.floor(sample / seeds), seed: sample % seeds };
}

function samplesPage({ runDir, judgement, ui, size, colour, style, real }: JudgeScreenProps): Line[] {
  const { columns, rows: height } = size;
  const { rows, request } = judgement;
  const row = rows[ui.row];
  const bar = keys(
    [`${style.unicode ? '← →' : 'left right'}: checkpoints`, 'up down: prompts', 'p: table', 'q: leave'],
    style,
  );
  if (row === undefined) return [style.bold('Samples'), '', 'No row is done yet.', '', bar];
  const seeds = Math.max(1, request.seeds.length);
  const { prompt, seed } = placeOf(judgement, ui);
  const cut = (text: string, cells: number) => truncate(spell(neutralise(text), style), cells, style.glyph.ellipsis);
  const head = `${judgedRow(row)} (${ui.row + 1} of ${rows.length})${figures(row)}`;
  const shown = `${request.prompts[prompt]?.text ?? ''}, seed ${request.seeds[seed] ?? ''}`;
  const all = request.prompts.length * seeds;
  return [
    style.bold(cut(head, columns)),
    style.dim(cut(`${ui.sample + 1} of ${all}: ${shown}`, columns)),
    '',
    ...threeImages(panels({ runDir, judgement }, row, { prompt, seed }), {
      ...{ columns, colour, style, real },
      rows: height - NO_IMAGES,
    }),
    '',
    bar,
  ].slice(0, height);
}

const figures = ({ likeness, fit, copies }: JudgeRow) =>
  [
    likeness === null ? '' : `, likeness ${likeness.value.toFixed(3)}`,
    fit === null ? '' : `, fit ${fit.value.toFixed(3)}`,
    copies === null ? '' : `, ${copies.copied} of ${copies.samples} copies`,
  ].join('');

interface Panel {
  readonly title: string;
  /** Undefined where there is none, and where it is no file inside the run folder. */
  readonly path: string | undefined;
}

/** The base model's sample, that of the row, and the training image nearest to the latter. */
function panels(
  { runDir, judgement: { rows } }: Pick<JudgeScreenProps, 'runDir' | 'judgement'>,
  row: JudgeRow,
  at: { readonly prompt: number; readonly seed: number },
): Panel[] {
  const inside = (path: string | undefined) => (path === undefined ? undefined : pathInside(runDir, path));
  const sampleOf = (of: JudgeRow | undefined) => of?.samples[at.prompt]?.[at.seed];
  const neighbour = row.neighbours?.[at.prompt]?.[at.seed];
  const nearest =
    neighbour === undefined
      ? []
      : [{ title: `${basename(neighbour.image)}, alike ${neighbour.alike.toFixed(2)}`, path: inside(neighbour.shown) }];
  const own = row.step === 0 ? [] : [{ title: judgedRow(row), path: inside(sampleOf(row)) }];
  return [{ title: 'base model', path: inside(sampleOf(rows[0])) }, ...own, ...nearest];
}

function pathInside(dir: string, path: string): string | undefined {
  try {
    return insideRun(dir, path);
  } catch {
    return undefined;
  }
}

interface ImagesRoom {
  readonly columns: number;
  /** Rows of the images, without their titles. */
  readonly rows: number;
  readonly colour: number;
  readonly style: Style;
  readonly real: boolean;
}

/** Images side by side under their titles, or their paths when the terminal cannot show images. */
function threeImages(each: readonly Panel[], { columns, rows, colour, style, real }: ImagesRoom): Line[] {
  const unicode = style.unicode;
  if (!real && !canShowImages({ colour, unicode }))
    return each.flatMap(({ title, path }) => [
      spell(neutralise(title), style),
      `  ${path === undefined ? 'not there' : neutralise(path)}`,
    ]);
  const cells = cellsOf(columns);
  const titles = each.map(({ title }) =>
    padEnd(truncate(spell(neutralise(title), style), cells, style.glyph.ellipsis), cells),
  );
  const head = style.dim(titles.join(' '.repeat(BETWEEN)));
  if (real) return [head, ...Array.from({ length: rows }, () => '')];
  const drawn = each.map(({ path }) =>
    path === undefined ? [] : (renderImage(path, { columns: cells, rows, colour, unicode }) ?? []),
  );
  const tallest = Math.max(0, ...drawn.map((lines) => lines.length));
  const line = (i: number) =>
    Styled.joined(drawn.map((lines, at) => styled`${at === 0 ? '' : '  '}${clipLine(lines[i] ?? '', cells, true)}`));
  return [head, ...Array.from({ length: tallest }, (_, i) => line(i))];
}

function keys(names: readonly string[], style: Style): Line {
  return style.dim(names.join(` ${style.glyph.dot} `));
}
