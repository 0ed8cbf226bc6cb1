/**
 * Asks tmux whether the terminals that it draws on show sixels. Its own answer is always that it does: on another
 * terminal it writes `SIXEL IMAGE (39x39)+++` in the place of an image.
 */
import { execFile } from 'node:child_process';

/** Milliseconds after which tmux counts as one that does not answer. It runs on this machine. */
const PATIENCE_MS = 2000;

/**
 * Whether all terminals that are attached to the session of a pane show sixels; undefined without any, and where tmux
 * cannot be asked.
 * @param pane number of the pane that this process runs in, such as %3; undefined where tmux runs on another machine
 */
export async function tmuxShowsSixels(pane: string | undefined, tmux = 'tmux'): Promise<boolean | undefined> {
  if (pane === undefined || !/^%\d+$/u.test(pane)) return undefined;
  const args = ['list-clients', '-t', pane, '-F', 'has,#{client_termfeatures}'];
  const answer = await new Promise<string>((resolve) => {
    execFile(tmux, args, { timeout: PATIENCE_MS }, (error, stdout) => resolve(error === null ? stdout : ''));
  });
  const clients = answer.split('\n').filter((line) => line !== '');
  return clients.length === 0 ? undefined : clients.every((line) => line.split(',').includes('sixel'));
}

/**
 * Milliseconds after a change of size at which tmux is asked. A terminal that is just being attached has not told tmux yet
 * what it shows, over SSH for longer.
 */
const LOOKS_MS = [300, 2000];

/** Asks again when another terminal may have been attached, which changes the size of the pane. */
export class TmuxWatch {
  readonly #shows: () => Promise<boolean | undefined>;
  readonly #changed: (shows: boolean) => void;
  readonly #delays: readonly number[];
  #timers: readonly NodeJS.Timeout[] = [];
  #known = true;
  #isOver = false;

  /** @param changed gets the answer whenever it is another one; before the first call it was yes */
  constructor(shows: () => Promise<boolean | undefined>, changed: (shows: boolean) => void, delays = LOOKS_MS) {
    this.#shows = shows;
    this.#changed = changed;
    this.#delays = delays;
  }

  ask(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = this.#delays.map((delay) => setTimeout(() => void this.#look(), delay));
  }

  async #look(): Promise<void> {
    const shows = await this.#shows();
    if (this.#isOver || shows === undefined || shows === this.#known) return;
    this.#known = shows;
    this.#changed(shows);
  }

  end(): void {
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
