/** The effect of a key on the dashboard. Pure: from state and key to a new state and a request. */
import { type Action, actionOf } from './keys.ts';
import type { Option } from './overlays.tsx';

export type Page =
  | { readonly kind: 'run' | 'help' | 'log' | 'leave' | 'stop' }
  | { readonly kind: 'pictures'; readonly at: number };

export interface UiState {
  readonly page: Page;
  /** The request to the run, in words. */
  readonly notice: string | undefined;
  /** Whether the person has already answered a Ctrl-C with "Keep watching". The next Ctrl-C then leaves at once. */
  readonly warned: boolean;
  readonly stopping: boolean;
}

export const initialUi: UiState = { page: { kind: 'run' }, notice: undefined, warned: false, stopping: false };

/** A request to the run or the terminal. */
export type Wish = 'detach' | 'stop' | 'checkpoint' | 'sample' | 'suspend';

export interface Pressed {
  readonly ui: UiState;
  readonly wish?: Wish;
}

export interface PressContext {
  readonly readonly: boolean;
  /** Number of samples that can be shown. */
  readonly images: number;
}

export const leaveOptions = (readonly: boolean): readonly Option[] => [
  { key: 'd', label: 'Detach', about: 'the run goes on without this window' },
  ...(readonly ? [] : [{ key: 's', label: 'Stop and save', about: 'a checkpoint is saved; resume goes on from it' }]),
  { key: 'k', label: 'Keep watching', about: 'nothing changes' },
];

export const stopOptions: readonly Option[] = [
  { key: 'y', label: 'Stop and save', about: 'a checkpoint is saved; resume goes on from it' },
  { key: 'n', label: 'No', about: 'the run goes on' },
];

/**
 * Handles a key.
 * @param key one character, or enter, escape, left, right, ctrl-c, ctrl-z
 */
export function press(ui: UiState, key: string, context: PressContext): Pressed {
  if (key === 'ctrl-z') return { ui, wish: 'suspend' };
  if (key === 'ctrl-c') return interrupted(ui);
  const { page } = ui;
  const run: UiState = { ...ui, page: { kind: 'run' } };
  if (page.kind === 'leave') return answerLeave(run, key, context);
  if (page.kind === 'stop') return key === 'y' || key === 'enter' ? stop(run) : { ui: run };
  if (page.kind === 'pictures' && (key === 'left' || key === 'right')) {
    const at = Math.min(Math.max(0, page.at + (key === 'right' ? 1 : -1)), Math.max(0, context.images - 1));
    return { ui: { ...ui, page: { kind: 'pictures', at } } };
  }
  if (page.kind !== 'run') return { ui: run };
  const action = actionOf(key, context.readonly);
  return action === undefined ? { ui } : act(ui, action);
}

function interrupted(ui: UiState): Pressed {
  if (ui.warned || ui.page.kind === 'leave') return { ui, wish: 'detach' };
  return { ui: { ...ui, page: { kind: 'leave' } } };
}

function answerLeave(run: UiState, key: string, { readonly }: PressContext): Pressed {
  if (key === 'd' || key === 'q' || key === 'enter') return { ui: run, wish: 'detach' };
  if (key === 's' && !readonly) return stop(run);
  return { ui: { ...run, warned: true } };
}

function stop(ui: UiState): Pressed {
  const notice = 'Stopping, with a checkpoint. d leaves meanwhile; stop --now does not wait.';
  return { ui: { ...ui, notice, stopping: true }, wish: 'stop' };
}

function act(ui: UiState, action: Action): Pressed {
  switch (action) {
    case 'detach':
      return { ui, wish: 'detach' };
    case 'stop':
      return ui.stopping ? { ui } : { ui: { ...ui, page: { kind: 'stop' } } };
    case 'checkpoint':
      return { ui: { ...ui, notice: 'Asked for a checkpoint: it comes after this step.' }, wish: 'checkpoint' };
    case 'sample':
      return { ui: { ...ui, notice: 'Asked for samples: they come after this step.' }, wish: 'sample' };
    case 'pictures':
      return { ui: { ...ui, page: { kind: 'pictures', at: 0 } } };
    case 'log':
    case 'help':
      return { ui: { ...ui, page: { kind: action } } };
  }
}
