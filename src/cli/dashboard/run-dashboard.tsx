import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastLogLines } from '../../base/files/log-lines.ts';
import { neutralise } from '../../base/text.ts';
import { initialState, type RunState, reduceAll } from '../../engine/events/reducer.ts';
import type { RunEvent } from '../../engine/events/schema.ts';
import { RUN_FILES } from '../../engine/run-folder/layout.ts';
import { clipLine } from '../../terminal/clip.ts';
import { truncate } from '../../terminal/columns.ts';
import { renderPicture } from '../../terminal/pictures.ts';
import { spell } from '../../terminal/signs.ts';
import type { Size } from '../../terminal/size.ts';
import type { Style } from '../../terminal/style.ts';
import type { Line } from '../../terminal/styled.ts';
import { type Capabilities, type Screen, show } from '../../terminal/terminal.ts';
import { nothingKnown, type RunAbout, readAbout } from './about.ts';
import { Dashboard, type DashboardModel } from './dashboard.tsx';
import { keysFor } from './keys.ts';
import { helpPage, logPage, picturesPage, questionPage } from './overlays.ts';
import { initialUi, leaveOptions, press, stopOptions, type UiState, type Wish } from './press.ts';
import { samplePairs } from './samples.ts';
import { frameSize, layoutOf, screen } from './screen.ts';

export interface DashboardInput {
  readonly runDir: string;
  readonly can: Capabilities;
  readonly style: Style;
  /** Whether the view is read-only: no key asks anything of the run. */
  readonly readonly: boolean;
  /** Yields batches of events from the run's beginning; ends when the run is over or the signal aborts. */
  readonly events: (signal: AbortSignal) => AsyncIterable<readonly RunEvent[]>;
  readonly control: (wish: 'stop' | 'checkpoint' | 'sample') => void;
}

/** Milliseconds between updates with new events, because a slow link and a shared core have other things to do. */
const PACE_MS = 500;

/**
 * Shows the dashboard. `ended`: the run is over. `stopped`: it is over because it was stopped from here. `detached`:
 * the run continues.
 */
export async function runDashboard(input: DashboardInput): Promise<'ended' | 'detached' | 'stopped'> {
  const leave = new AbortController();
  const dashboard = createModel(input);
  let read = false;
  let screenNow: Screen | undefined;
  let begun = () => {};
  const something = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const reading = (async () => {
    try {
      for await (const batch of input.events(leave.signal)) {
        dashboard.take(batch);
        begun();
      }
      return leave.signal.aborted;
    } finally {
      read = true;
      begun();
      screenNow?.leave();
    }
  })();
  // The promise is awaited below. An error must not count as unhandled while the screen is still shown.
  reading.catch(() => {});
  // The first frame waits for past events, so that a run with a past is not shown empty.
  await Promise.race([something, sleep(PACE_MS)]);
  await show((size, screen) => {
    screenNow = screen;
    // All events were read before the screen was shown, so it is left right away.
    if (read) setImmediate(screen.leave);
    return <Dashboard model={dashboard.model} size={size} screen={screen} />;
  });
  leave.abort();
  dashboard.close();
  if (await reading) return 'detached';
  return dashboard.stopped() ? 'stopped' : 'ended';
}

/** Everything that lasts while Ink comes and goes: the run's state, the page, the clock. */
function createModel({ runDir, can, style, readonly, control }: DashboardInput) {
  let state: RunState = initialState;
  let about: RunAbout = nothingKnown;
  let ui: UiState = initialUi;
  let drawn = 0;
  let dirty = true;
  const listeners = new Set<() => void>();
  const keys = keysFor(readonly);
  const picture = newestPicture(runDir, can, style);

  const changed = () => {
    dirty = false;
    drawn = Date.now();
    for (const listener of listeners) listener();
  };
  // One clock drives everything: new events twice a second, times and the log once a second.
  const ticker = setInterval(() => {
    if (dirty || Date.now() - drawn >= 2 * PACE_MS) changed();
  }, PACE_MS);

  const grant = (wish: Wish | undefined, screen: Screen) => {
    if (wish === 'suspend') screen.suspend();
    else if (wish === 'detach') screen.leave();
    else if (wish !== undefined) control(wish);
  };

  const page = (size: Size): readonly Line[] => {
    const room = frameSize(size);
    const { page: on } = ui;
    if (on.kind === 'help') return helpPage(keys, style, room);
    if (on.kind === 'log') return logPage(lastLogLines(join(runDir, RUN_FILES.log), room.rows), style, room);
    if (on.kind === 'pictures') return picturesPage({ state, runDir, at: on.at, colour: can.colour }, style, room);
    if (on.kind === 'leave') return questionPage(`Leave ${state.name}?`, leaveOptions(readonly), style);
    if (on.kind === 'stop') return questionPage(`Stop ${state.name}?`, stopOptions, style);
    const side = layoutOf(size) === 'wide' ? picture(state) : undefined;
    const shown = { state, about, now: Date.now() / 1000, keys, notice: ui.notice };
    return screen(side === undefined ? shown : { ...shown, picture: side }, size, style);
  };

  const model: DashboardModel = {
    unicode: can.unicode,
    lines: (size) => {
      const room = frameSize(size);
      return page(size)
        .slice(0, room.rows)
        .map((line) => clipLine(line, room.columns));
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    press: (key, screen) => {
      const pressed = press(ui, key, { readonly, pictures: samplePairs(state).length });
      ui = pressed.ui;
      grant(pressed.wish, screen);
      changed();
    },
  };
  return {
    model,
    take: (batch: readonly RunEvent[]) => {
      const before = state;
      state = reduceAll(state, batch);
      if (about === nothingKnown) about = readAbout(runDir);
      // The requested checkpoint or sample has come.
      if (!ui.stopping && (state.checkpoints !== before.checkpoints || state.samples !== before.samples))
        ui = { ...ui, notice: undefined };
      dirty = true;
    },
    stopped: () => ui.stopping && state.exit?.status === 'stopped',
    close: () => clearInterval(ticker),
  };
}

/** The newest sample for the wide layout, under a line that names it. Each sample is decoded only once. */
function newestPicture(
  runDir: string,
  { colour, unicode }: Capabilities,
  style: Style,
): (state: RunState) => readonly Line[] | undefined {
  let known = '';
  let lines: readonly Line[] | undefined;
  return (state) => {
    const newest = samplePairs(state)[0];
    const path = newest?.with ?? newest?.without;
    if (newest === undefined || path === undefined) return undefined;
    if (path !== known) {
      known = path;
      const picture = renderPicture(join(runDir, path), { columns: 40, rows: 16, colour, unicode });
      const which = newest.with === undefined ? 'without the LoRA' : `step ${newest.step}`;
      const caption = spell(neutralise(`${which}: ${newest.prompt}`), style);
      lines = picture === undefined ? undefined : [style.dim(truncate(caption, 40, style.glyph.ellipsis)), ...picture];
    }
    return lines;
  };
}
