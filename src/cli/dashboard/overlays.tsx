/** Full-screen pages over the dashboard: help, log, samples and questions. */
import { join } from 'node:path';
import { Box, Text } from 'ink';
import { memo } from 'react';
import { neutralise } from '../../base/text.ts';
import type { RunState } from '../../engine/events/run-state.ts';
import { padEnd, wrap } from '../../terminal/columns.ts';
import { canShowImages, type ImageRoom, renderImage, renderImagePair } from '../../terminal/images.ts';
import type { ImageRow } from '../../terminal/screen.tsx';
import { spell } from '../../terminal/signs.ts';
import type { Size } from '../../terminal/size.ts';
import type { Style } from '../../terminal/style.ts';
import { type Line, onTerminal } from '../../terminal/styled.ts';
import type { Key } from './keys.ts';
import { type SamplePair, samplePairs } from './samples.ts';
import { Gap, Lines, Words } from './words.tsx';

export interface PageProps {
  /** Size of the page. */
  readonly size: Size;
  readonly style: Style;
}

const BACK = 'any key: back to the run';
/** Width in cells of the names of keys, with the space around them. */
const NAMES = 12;

export function HelpPage({ keys, size, style }: PageProps & { readonly keys: readonly Key[] }) {
  const { columns, rows } = size;
  const ctrl =
    'Ctrl-C asks what you want; Ctrl-Z goes back to the shell until fg. Closing the window changes nothing for the run.';
  const tall = [...keys.map(({ help }) => wrap(help, columns - NAMES - 2)), wrap(ctrl, columns - 4)].flat().length;
  // When there is too little room, each key gets one line, cut at the edge.
  const isShort = tall + 5 > rows;
  return (
    <>
      {!isShort && <Words line={style.bold('Keys')} style={style} />}
      {!isShort && <Gap />}
      {keys.slice(0, rows - 1).map(({ keys: names, help }) => (
        <Box key={names[0]} flexShrink={0} paddingRight={2}>
          <Box width={NAMES} paddingLeft={isShort ? 0 : 2} flexShrink={0}>
            <Words line={style.accent(names.join(', '))} style={style} />
          </Box>
          {isShort ? <Words line={help} style={style} /> : <Paragraph text={help} style={style} />}
        </Box>
      ))}
      {!isShort && (
        <Box paddingX={2} marginY={1} flexShrink={0}>
          <Paragraph text={ctrl} style={style} />
        </Box>
      )}
      <Words line={style.dim(BACK)} style={style} />
    </>
  );
}

/** The end of trainer.log. In `lines` the oldest comes first. */
export function LogPage({ lines, size, style }: PageProps & { readonly lines: readonly string[] }) {
  const shown = lines.slice(-(size.rows - 4));
  const body = shown.length > 0 ? shown : ['The trainer has not printed anything yet.'];
  return <Lines lines={[style.bold('trainer.log'), '', ...body, '', style.dim(BACK)]} style={style} />;
}

export interface SamplesPageProps extends PageProps {
  readonly state: RunState;
  readonly runDir: string;
  /** Index of the pair that is shown, newest first. */
  readonly at: number;
  readonly colour: number;
  /** Whether the terminal shows images itself: their rows stay empty here. */
  readonly real?: boolean;
}

export const SamplesPage = memo(function SamplesPage(props: SamplesPageProps) {
  return <Lines lines={sampleLines(props)} style={props.style} />;
});

function sampleLines({ state, runDir, at, colour, size, style, real }: SamplesPageProps): Line[] {
  const { columns, rows } = size;
  const pairs = samplePairs(state);
  const pair = pairs[at];
  const arrows = style.unicode ? '← →' : 'left right';
  const keys = style.dim(`${arrows} others ${style.glyph.dot} any other key: back to the run`);
  if (pair === undefined) return [style.bold('Samples'), '', 'No sample pictures yet; g asks for some.', '', keys];
  const place = `Sample ${at + 1} of ${pairs.length}, step ${pair.step}, seed ${pair.seed}`;
  const room = { columns, rows: rows - 6, colour, unicode: style.unicode };
  const images = real === true ? emptyPair(pair, room) : pairSamples(pair, runDir, room);
  const hint =
    real === true || canShowImages(room) ? [] : [style.dim('This terminal shows no pictures: open the files.')];
  const prompt = spell(neutralise(pair.prompt), style);
  return [style.bold(place), style.dim(prompt), '', ...images.slice(0, rows - 6), ...hint, '', keys];
}

/** Rows above the images of the page: its title, the prompt, an empty one, the names of both. */
const ABOVE = 4;
const BETWEEN = 2;

const cellsOf = (pair: SamplePair, columns: number) =>
  pair.with === undefined || pair.without === undefined ? columns : Math.floor((columns - BETWEEN) / 2);

/** The names of both samples over rows that stay empty. */
function emptyPair(pair: SamplePair, { columns, rows }: ImageRoom): readonly Line[] {
  const cells = cellsOf(pair, columns);
  const both = pair.with !== undefined && pair.without !== undefined;
  const names = both ? [padEnd('without the LoRA', cells), 'with it'].join(' '.repeat(BETWEEN)) : '';
  const head = pair.with === undefined ? 'without the LoRA' : names;
  return [head, ...Array.from({ length: Math.max(0, rows - 1) }, () => '')];
}

/** Where a terminal that shows images itself draws the samples of the page; undefined for none. */
export function pageImages({ state, runDir, at, size, real }: SamplesPageProps): ImageRow | undefined {
  const pair = samplePairs(state)[at];
  const rows = size.rows - 2 - ABOVE - 1;
  if (real !== true || pair === undefined || rows < 1) return undefined;
  const columns = cellsOf(pair, size.columns);
  const paths = [pair.without, pair.with].flatMap((path) => path ?? []);
  const images = paths.map((path, i) => ({ path: join(runDir, path), column: i * (columns + BETWEEN), columns }));
  return { top: ABOVE, rows, images };
}

function pairSamples(pair: SamplePair, runDir: string, room: ImageRoom): readonly Line[] {
  const [without, withIt] = [pair.without, pair.with].map((path) => path && join(runDir, path));
  if (without && withIt) return renderImagePair({ without, with: withIt }, room);
  const alone = withIt ?? without ?? '';
  const heading = without ? ['without the LoRA'] : [];
  const below = { ...room, rows: room.rows - heading.length };
  return [...heading, ...(renderImage(alone, below) ?? [neutralise(alone)])];
}

export interface Option {
  readonly key: string;
  readonly label: string;
  readonly about: string;
}

/** A question that is answered with single keys. Enter takes the first option. */
export function QuestionPage({
  question,
  options,
  style,
}: {
  readonly question: string;
  readonly options: readonly Option[];
  readonly style: Style;
}) {
  return (
    <>
      <Words line={style.bold(question)} style={style} />
      <Gap />
      <Box paddingLeft={2} columnGap={2} flexShrink={0}>
        <Lines lines={options.map(({ key }) => style.accent(key))} style={style} />
        <Lines lines={options.map(({ label }, i) => `${label}${i === 0 ? ' (Enter)' : ''}`)} style={style} />
        <Box overflowX="hidden">
          <Lines lines={options.map(({ about }) => style.dim(about))} style={style} />
        </Box>
      </Box>
    </>
  );
}

/** Text that is wrapped to the width of the box around it. */
function Paragraph({ text, style }: { readonly text: string; readonly style: Style }) {
  return <Text wrap="wrap">{onTerminal(text, style)}</Text>;
}
