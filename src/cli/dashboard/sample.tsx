import { join } from 'node:path';
import { Box } from 'ink';
import { memo } from 'react';
import { neutralise } from '../../base/text.ts';
import type { RunState } from '../../engine/events/run-state.ts';
import type { Capabilities } from '../../terminal/capabilities.ts';
import { padEnd, truncate } from '../../terminal/columns.ts';
import { renderImage } from '../../terminal/images.ts';
import type { ImageRow } from '../../terminal/screen.tsx';
import { spell } from '../../terminal/signs.ts';
import type { Style } from '../../terminal/style.ts';
import type { Line } from '../../terminal/styled.ts';
import { type SamplePair, samplePairs } from './samples.ts';
import { Lines } from './words.tsx';

/** Width in cells of the newest sample on a wide screen. */
export const SAMPLE_CELLS = 40;

export interface SampleProps {
  readonly lines: readonly Line[];
  readonly style: Style;
}

/** The newest sample, under a line that names it. */
export const Sample = memo(function Sample({ lines, style }: SampleProps) {
  return (
    <Box width={SAMPLE_CELLS} marginLeft={2} flexShrink={0}>
      <Lines lines={lines} style={style} />
    </Box>
  );
});

/** Cells between two images. */
const BETWEEN = 2;
/** A cell is about half as wide as it is high, so this many columns a row hold a square. */
const COLUMNS_A_ROW = 2;

export interface StripRoom {
  readonly columns: number;
  /** Rows of the images, without the captions above them. */
  readonly rows: number;
}

const pathOf = (pair: SamplePair) => pair.with ?? pair.without ?? '';

/** The newest samples with their columns, as many as fit beside each other. */
function newestOf(state: RunState, { columns, rows }: StripRoom) {
  const cells = Math.min(columns, rows * COLUMNS_A_ROW);
  const pairs = samplePairs(state);
  const newest = pairs.filter(({ step }) => step === pairs[0]?.step);
  const most = Math.max(1, Math.floor((columns + BETWEEN) / (cells + BETWEEN)));
  return newest.slice(0, most).map((pair, i) => ({ pair, cells, column: i * (cells + BETWEEN) }));
}

/** An empty line and the captions of the newest samples, above rows that stay empty for a terminal that shows images itself. */
export function stripLines(state: RunState, room: StripRoom, style: Style): Line[] {
  const found = newestOf(state, room);
  if (found.length === 0) return [];
  const captions = found.map(({ pair, cells }) => {
    const which = pair.with === undefined ? 'without the LoRA' : `step ${pair.step}`;
    const text = spell(neutralise(`${which}: ${pair.prompt}`), style);
    return padEnd(truncate(text, cells, style.glyph.ellipsis), cells);
  });
  return ['', style.dim(captions.join(' '.repeat(BETWEEN)).trimEnd()), ...Array.from({ length: room.rows }, () => '')];
}

/** Where such a terminal draws them, from the row `top` on; undefined without samples. */
export function stripImages(state: RunState, runDir: string, top: number, room: StripRoom): ImageRow | undefined {
  const images = newestOf(state, room).map(({ pair, cells, column }) => {
    return { path: join(runDir, pathOf(pair)), column, columns: cells };
  });
  return images.length === 0 ? undefined : { top, rows: room.rows, images };
}

/**
 * Makes a function that draws the newest sample of a state in at most so many rows. Each sample is decoded only once
 * for a height.
 */
export function newestSample(
  runDir: string,
  { colour, unicode }: Capabilities,
  style: Style,
): (state: RunState, rows: number) => readonly Line[] {
  let known = '';
  let lines: readonly Line[] = [];
  return (state, rows) => {
    const newest = samplePairs(state)[0];
    const path = newest?.with ?? newest?.without;
    if (newest === undefined || path === undefined) return [];
    if (`${rows} ${path}` === known) return lines;
    known = `${rows} ${path}`;
    const image = renderImage(join(runDir, path), { columns: SAMPLE_CELLS, rows: rows - 1, colour, unicode });
    const which = newest.with === undefined ? 'without the LoRA' : `step ${newest.step}`;
    const caption = truncate(
      spell(neutralise(`${which}: ${newest.prompt}`), style),
      SAMPLE_CELLS,
      style.glyph.ellipsis,
    );
    lines = image === undefined ? [] : [style.dim(caption), ...image];
    return lines;
  };
}
