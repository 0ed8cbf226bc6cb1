import { join } from 'node:path';
import { Box } from 'ink';
import { memo } from 'react';
import { neutralise } from '../../base/text.ts';
import type { RunState } from '../../engine/events/run-state.ts';
import type { Capabilities } from '../../terminal/capabilities.ts';
import { truncate } from '../../terminal/columns.ts';
import { renderImage } from '../../terminal/images.ts';
import { spell } from '../../terminal/signs.ts';
import type { Style } from '../../terminal/style.ts';
import type { Line } from '../../terminal/styled.ts';
import { samplePairs } from './samples.ts';
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
