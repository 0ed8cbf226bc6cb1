/** Lines of text as Ink elements. This is the only place in the dashboard where styled lines become strings. */
import { Box, Text } from 'ink';
import type { Style } from '../../terminal/style.ts';
import { type Line, onTerminal } from '../../terminal/styled.ts';

/** One line. Text that does not fit into the box around it is cut off, with an ellipsis where the terminal has one. */
export function Words({ line, style }: { readonly line: Line; readonly style: Style }) {
  const text = onTerminal(line, style) || ' ';
  if (style.unicode) return <Text wrap="truncate-end">{text}</Text>;
  // Ink's ellipsis is beyond ASCII. A box that does not shrink is cut by the one around it.
  return (
    <Box overflowX="hidden">
      <Box flexShrink={0}>
        <Text>{text}</Text>
      </Box>
    </Box>
  );
}

/** Lines one below the other. */
export function Lines({ lines, style }: { readonly lines: readonly Line[]; readonly style: Style }) {
  return (
    <Box flexDirection="column" flexShrink={0}>
      {lines.map((line, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is identified by its row on the screen
        <Words key={i} line={line} style={style} />
      ))}
    </Box>
  );
}

/** Two texts at the two ends of a line. When both do not fit, the left one is cut. */
export function Ends({ left, right, style }: { readonly left: Line; readonly right: Line; readonly style: Style }) {
  return (
    <Box justifyContent="space-between" columnGap={1} flexShrink={0}>
      <Words line={left} style={style} />
      <Box flexShrink={0}>
        <Words line={right} style={style} />
      </Box>
    </Box>
  );
}

/** An empty line. */
export const Gap = () => <Box height={1} flexShrink={0} />;
