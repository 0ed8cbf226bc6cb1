import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastLogLines } from '../../base/files/log-lines.ts';
import { reduceAll } from '../../engine/events/reducer.ts';
import { initialState, type RunState } from '../../engine/events/run-state.ts';
import type { RunEvent } from '../../engine/events/schema.ts';
import { RUN_FILES } from '../../engine/run-folder/layout.ts';
import type { Capabilities } from '../../terminal/capabilities.ts';
import { type Screen, show } from '../../terminal/screen.tsx';
import type { Size } from '../../terminal/size.ts';
import type { Style } from '../../terminal/style.ts';
import { nothingKnown, type RunAbout, readAbout } from './about.ts';
import { Dashboard, type DashboardModel } from './dashboard.tsx';
import { keysFor } from './keys.ts';
import { initialUi, press, type UiState, type Wish } from './press.ts';
import { newestSample } from './sample.tsx';
import { placeAfter, samplePairs } from './samples.ts';

export interface DashboardInput {
  readonly runDir: string;
  readonly can: Capabilities;
  readonly style: Style;
  /** Whether the view is read-only, without keys for requests to the run. */
  readonly readonly: boolean;
  /** Yields batches of events from the run's beginning; ends when the run is over or the signal aborts. */
  readonly events: (signal: AbortSignal) => AsyncIterable<readonly RunEvent[]>;
  readonly control: (wish: 'stop' | 'checkpoint' | 'sample') => void;
}

/**
 * Milliseconds between two frames, since a slow link and a shared processor have other work. Keys are handled at once.
 */
const PACE_MS = 1000;
/** Most milliseconds that the first frame waits for past events. */
const FIRST_MS = 500;

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
  // The promise is awaited below. Until then its error must not count as unhandled, since the screen is still shown.
  reading.catch(() => {});
  // The first frame waits for past events, so that a run with a history does not appear empty.
  await Promise.race([something, sleep(FIRST_MS)]);
  const view = (size: Size, screen: Screen) => {
    screenNow = screen;
    // All events were read before the screen was shown, so the screen is left at once.
    if (read) setImmediate(screen.leave);
    return <Dashboard model={dashboard.model} size={size} screen={screen} />;
  };
  await show(view, { images: input.can });
  leave.abort();
  dashboard.close();
  if (await reading) return 'detached';
  return dashboard.stopped() ? 'stopped' : 'ended';
}

/** The model behind the drawing: the run's state, the page, the clock. */
function createModel({ runDir, can, style, readonly, control }: DashboardInput) {
  let state: RunState = initialState;
  let about: RunAbout = nothingKnown;
  let ui: UiState = initialUi;
  const listeners = new Set<() => void>();
  const curve = seldom();
  const changed = () => {
    for (const listener of listeners) listener();
  };
  const ticker = setInterval(changed, PACE_MS);

  const grant = (wish: Wish | undefined, screen: Screen) => {
    if (wish === 'suspend') screen.suspend();
    else if (wish === 'detach') screen.leave();
    else if (wish !== undefined) control(wish);
  };

  const model: DashboardModel = {
    runDir,
    style,
    readonly,
    colour: can.colour,
    keys: keysFor(readonly),
    view: () => ({ state, curve: curve(state), about, ui }),
    log: (rows) => lastLogLines(join(runDir, RUN_FILES.log), rows),
    sample: newestSample(runDir, can, style),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    press: (key, screen) => {
      const pressed = press(ui, key, { readonly, images: samplePairs(state).length });
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
      if (ui.page.kind === 'pictures') ui = { ...ui, page: { ...ui.page, at: placeAfter(before, state, ui.page.at) } };
      if (about === nothingKnown) about = readAbout(runDir);
      // The requested checkpoint or sample is there.
      if (!ui.stopping && (state.checkpoints !== before.checkpoints || state.samples !== before.samples))
        ui = { ...ui, notice: undefined };
    },
    stopped: () => ui.stopping && state.exit?.status === 'stopped',
    close: () => clearInterval(ticker),
  };
}

/** Milliseconds between two drawings of the curve, because its axis and all its lines change with each step. */
const CURVE_MS = 10_000;
/** Least number of steps for a curve. */
const LEAST_STEPS = 2;

/**
 * Returns a function that repeats a state for a while, so that the curve is not drawn again; a validation is shown at
 * once.
 */
function seldom(): (state: RunState) => RunState {
  let kept: RunState | undefined;
  let since = 0;
  return (state) => {
    const isOld = Date.now() - since >= CURVE_MS || state.validation !== kept?.validation || kept.step < LEAST_STEPS;
    if (kept !== undefined && !isOld) return kept;
    since = Date.now();
    kept = state;
    return state;
  };
}
