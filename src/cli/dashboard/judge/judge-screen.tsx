/** The screen of a judgement: its table as it grows, and the samples of each row beside the base model's. */
import { basename, join } from 'node:path';
import { memo } from 'react';
import { neutralise } from '../../../base/text.ts';
import type { Judgement, JudgeRow } from '../../../engine/judge/schema.ts';
import { clipLine } from '../../../terminal/clip.ts';
import { padEnd, truncate, wrap } from '../../../terminal/columns.ts';
import { canShowImages, renderImage } from '../../../terminal/images.ts';
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
  /** Whether it goes on, in a process that lives. */
  readonly goesOn: boolean;
  readonly ui: JudgeUi;
  /** Room of the screen. */
  readonly size: Size;
  readonly colour: number;
  readonly style: Style;
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

function samplesPage({ runDir, judgement, ui, size, colour, style }: JudgeScreenProps): Line[] {
  const { columns, rows: height } = size;
  const { rows, request } = judgement;
  const row = rows[ui.row];
  const bar = keys(
    [`${style.unicode ? '← →' : 'left right'}: checkpoints`, 'up down: prompts', 'p: table', 'q: leave'],
    style,
  );
  if (row === undefined) return [style.bold('Samples'), '', 'No row is done yet.', '', bar];
  const seeds = Math.max(1, request.seeds.length);
  const [prompt, seed] = [Math.floor(ui.sample / seeds), ui.sample % seeds];
  const cut = (text: string, cells: number) => truncate(spell(neutralise(text), style), cells, style.glyph.ellipsis);
  const head = `${judgedRow(row)} (${ui.row + 1} of ${rows.length})${figures(row)}`;
  const asked = `${request.prompts[prompt]?.text ?? ''}, seed ${request.seeds[seed] ?? ''}`;
  const all = request.prompts.length * seeds;
  return [
    style.bold(cut(head, columns)),
    style.dim(cut(`${ui.sample + 1} of ${all}: ${asked}`, columns)),
    '',
    ...threeImages(panels(judgement, row, { prompt, seed }), { runDir, columns, rows: height - 6, colour, style }),
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
  /** Path below the run folder. */
  readonly path: string | undefined;
}

/** The base model's sample, that of the row, and the training image that the latter is nearest to. */
function panels({ rows }: Judgement, row: JudgeRow, at: { readonly prompt: number; readonly seed: number }): Panel[] {
  const sampleOf = (of: JudgeRow | undefined) => of?.samples[at.prompt]?.[at.seed];
  const neighbour = row.neighbours?.[at.prompt]?.[at.seed];
  const nearest =
    neighbour === undefined
      ? []
      : [{ title: `${basename(neighbour.image)}, alike ${neighbour.alike.toFixed(2)}`, path: neighbour.shown }];
  const own = row.step === 0 ? [] : [{ title: judgedRow(row), path: sampleOf(row) }];
  return [{ title: 'base model', path: sampleOf(rows[0]) }, ...own, ...nearest];
}

interface ImagesRoom {
  readonly runDir: string;
  readonly columns: number;
  readonly rows: number;
  readonly colour: number;
  readonly style: Style;
}

/** Images side by side under their titles; their paths where the terminal shows none. */
function threeImages(each: readonly Panel[], { runDir, columns, rows, colour, style }: ImagesRoom): Line[] {
  const unicode = style.unicode;
  if (!canShowImages({ colour, unicode }))
    return each.flatMap(({ title, path }) => [
      spell(neutralise(title), style),
      `  ${path === undefined ? 'not there' : neutralise(join(runDir, path))}`,
    ]);
  const cells = Math.floor((columns - 4) / 3);
  const drawn = each.map(({ path }) =>
    path === undefined
      ? []
      : (renderImage(join(runDir, path), { columns: cells, rows: rows - 1, colour, unicode }) ?? []),
  );
  const titles = each.map(({ title }) =>
    padEnd(truncate(spell(neutralise(title), style), cells, style.glyph.ellipsis), cells),
  );
  const tallest = Math.max(0, ...drawn.map((lines) => lines.length));
  const line = (i: number) =>
    Styled.joined(drawn.map((lines, at) => styled`${at === 0 ? '' : '  '}${clipLine(lines[i] ?? '', cells, true)}`));
  return [style.dim(titles.join('  ')), ...Array.from({ length: tallest }, (_, i) => line(i))];
}

function keys(names: readonly string[], style: Style): Line {
  return style.dim(names.join(` ${style.glyph.dot} `));
}
