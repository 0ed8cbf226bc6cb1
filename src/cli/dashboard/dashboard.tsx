import { Box, Text, useInput } from 'ink';
import { useEffect, useState } from 'react';
import type { Size } from '../../terminal/size.ts';
import { type Line, onTerminal } from '../../terminal/styled.ts';
import type { Screen } from '../../terminal/terminal.ts';

export interface DashboardModel {
  /** The frame for a terminal of this size: at most rows − 1 lines. */
  readonly lines: (size: Size) => readonly Line[];
  readonly unicode: boolean;
  /** Calls `changed` when there is something new to show. Returns a function that ends this. */
  readonly subscribe: (changed: () => void) => () => void;
  readonly press: (key: string, screen: Screen) => void;
}

/** Signs of named keys, as the handler of keys knows them. */
const SIGNS: Readonly<Record<string, string>> = {
  '\u0003': 'ctrl-c',
  '\u001a': 'ctrl-z',
  '\u001b': 'escape',
  '\r': 'enter',
  '\n': 'enter',
};

/**
 * Shows the lines of the model and hands single keys to it. Everything that lasts lives in the model, because Ink is
 * mounted anew at times.
 */
export function Dashboard({ model, size, screen }: { model: DashboardModel; size: Size; screen: Screen }) {
  const [, redraw] = useState(0);
  useEffect(() => model.subscribe(() => redraw((n) => n + 1)), [model]);
  useInput((input, key) => {
    if (key.ctrl) {
      if (input === 'c' || input === 'z') model.press(`ctrl-${input}`, screen);
    } else if (key.return) model.press('enter', screen);
    else if (key.leftArrow) model.press('left', screen);
    else if (key.rightArrow) model.press('right', screen);
    else if (key.escape) model.press('escape', screen);
    // Keys that are typed fast, or over a slow link, arrive together in one text.
    else for (const sign of input) model.press(SIGNS[sign] ?? sign, screen);
  });
  return (
    <Box flexDirection="column" width={size.columns - 1}>
      {/* Ink takes strings, so styled lines become strings here. */}
      {model
        .lines(size)
        .map((line) => onTerminal(line, model))
        .map((line, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen
          <Text key={i} wrap="truncate-end">
            {line === '' ? ' ' : line}
          </Text>
        ))}
    </Box>
  );
}
