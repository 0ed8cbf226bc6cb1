import { Box, useInput } from 'ink';
import { type ReactElement, useEffect, useState } from 'react';
import type { RunState } from '../../engine/events/run-state.ts';
import type { ImageRow, Screen } from '../../terminal/screen.tsx';
import type { Size } from '../../terminal/size.ts';
import type { Style } from '../../terminal/style.ts';
import type { Line } from '../../terminal/styled.ts';
import type { RunAbout } from './about.ts';
import type { Key } from './keys.ts';
import { HelpPage, LogPage, pageImages, QuestionPage, SamplesPage } from './overlays.tsx';
import { leaveOptions, stopOptions, type UiState } from './press.ts';
import { frameSize, RunScreen, screenImages } from './screen.tsx';

/** Everything that the dashboard shows. */
export interface DashboardView {
  readonly state: RunState;
  /** The state that the curve shows. */
  readonly curve: RunState;
  readonly about: RunAbout;
  readonly ui: UiState;
}

export interface DashboardModel {
  readonly runDir: string;
  readonly style: Style;
  /** Depth of colour, as in `Capabilities.colour`. */
  readonly colour: number;
  readonly keys: readonly Key[];
  readonly readonly: boolean;
  readonly view: () => DashboardView;
  /** The newest lines of trainer.log. */
  readonly log: (rows: number) => readonly string[];
  /** Draws the newest sample in at most so many rows. */
  readonly sample: (state: RunState, rows: number) => readonly Line[];
  /** Calls `changed` when there is something new to show. Returns a function that ends the subscription. */
  readonly subscribe: (changed: () => void) => () => void;
  readonly press: (key: string, screen: Screen) => void;
}

export interface DashboardProps {
  readonly model: DashboardModel;
  /** Size of the terminal. */
  readonly size: Size;
  readonly screen: Screen;
}

/** Names of keys in the handler of keys, by Ink's names. */
const SIGNS: Readonly<Record<string, string>> = {
  '\u0003': 'ctrl-c',
  '\u001a': 'ctrl-z',
  '\u001b': 'escape',
  '\r': 'enter',
  '\n': 'enter',
};

/** Shows the model's present page, and passes single keys to the model. */
export function Dashboard({ model, size, screen }: DashboardProps) {
  const [, redraw] = useState(0);
  useEffect(() => model.subscribe(() => redraw((n) => n + 1)), [model]);
  useInput((input, key) => {
    if (key.ctrl) {
      if (input === 'c' || input === 'z') model.press(`ctrl-${input}`, screen);
    } else if (key.return) model.press('enter', screen);
    else if (key.leftArrow) model.press('left', screen);
    else if (key.rightArrow) model.press('right', screen);
    else if (key.escape) model.press('escape', screen);
    // Keys that are typed fast, or over a slow link, may arrive together as one text.
    else for (const sign of input) model.press(SIGNS[sign] ?? sign, screen);
  });
  const { images } = screen;
  const real = images !== undefined;
  useEffect(() => images?.put(imagesOf(model, size)));
  return <DashboardFrame size={size}>{pageOf(model, size, real)}</DashboardFrame>;
}

/** The part of the terminal that is drawn on. Content that does not fit is cut off. */
export function DashboardFrame({ size, children }: { readonly size: Size; readonly children: ReactElement }) {
  const { columns, rows } = frameSize(size);
  return (
    <Box flexDirection="column" width={columns} height={rows} overflowY="hidden">
      {children}
    </Box>
  );
}

/** The images of the page that is shown, for a terminal that shows them itself. */
function imagesOf(model: DashboardModel, terminal: Size): ImageRow | undefined {
  const { runDir, style, colour } = model;
  const { state, ui } = model.view();
  if (ui.page.kind === 'run') return screenImages({ state, size: terminal, real: true }, runDir);
  if (ui.page.kind !== 'pictures') return undefined;
  return pageImages({ state, runDir, style, colour, size: frameSize(terminal), at: ui.page.at, real: true });
}

function pageOf(model: DashboardModel, terminal: Size, real: boolean): ReactElement {
  const { runDir, style, colour, keys, readonly, sample } = model;
  const { state, curve, about, ui } = model.view();
  const { page } = ui;
  const size = frameSize(terminal);
  switch (page.kind) {
    case 'help':
      return <HelpPage {...{ keys, size, style }} />;
    case 'log':
      return <LogPage {...{ size, style }} lines={model.log(size.rows)} />;
    case 'pictures':
      return <SamplesPage {...{ state, runDir, size, style, colour, real }} at={page.at} />;
    case 'leave':
      return <QuestionPage style={style} question={`Leave ${state.name}?`} options={leaveOptions(readonly)} />;
    case 'stop':
      return <QuestionPage style={style} question={`Stop ${state.name}?`} options={stopOptions} />;
    case 'run':
      return (
        <RunScreen
          {...{ state, curve, about, keys, sample, style, real }}
          now={Date.now() / 1000}
          notice={ui.notice}
          size={terminal}
        />
      );
  }
}
