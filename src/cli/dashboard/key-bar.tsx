import { Box } from 'ink';
import { width } from '../../terminal/columns.ts';
import type { Style } from '../../terminal/style.ts';
import type { Key } from './keys.ts';
import { Words } from './words.tsx';

export interface KeyBarProps {
  readonly keys: readonly Key[];
  /** A sentence above the keys about a request to the run. */
  readonly notice: string | undefined;
  /** Width in cells. */
  readonly cells: number;
  readonly style: Style;
}

/** The keys, under a line for a notice. When they do not fit, the ones before the last are left out. */
export function KeyBar({ keys, notice, cells, style }: KeyBarProps) {
  const between = ` ${style.glyph.dot} `;
  const texts = keys.map(({ keys: [key = ''], label }) => (key === '?' ? '? help' : `${key} ${label}`));
  while (width(texts.join(between)) > cells && texts.length > 1) texts.splice(-2, 1);
  return (
    <Box flexDirection="column" flexShrink={0}>
      <Words line={style.warn(notice ?? '')} style={style} />
      <Words line={style.dim(texts.join(between))} style={style} />
    </Box>
  );
}
