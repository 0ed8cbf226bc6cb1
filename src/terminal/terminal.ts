/**
 * The terminal: what it can do, decided once, and the only owner of stdin. Inquirer asks (`ask`) and Ink shows
 * (`show`), never both at once. Both need stdin to be handed over as it is here: otherwise a prompt after an Ink screen
 * would let the process exit, and Ink after a prompt would get no keys.
 */
import { writeSync } from 'node:fs';
import type { ReactElement } from 'react';
import { CancelledError, UsageError } from '../base/errors.ts';
import { type Capabilities, capabilities } from './capabilities.ts';
import { painter } from './painter.ts';
import type { Size } from './size.ts';

export type { Capabilities } from './capabilities.ts';

let cached: Capabilities | undefined;

/** This process's terminal. `columns` and `rows` are read anew at each access. */
export function terminal(
  env: NodeJS.ProcessEnv,
  flags: { readonly noInput?: boolean; readonly plain?: boolean } = {},
): Capabilities {
  cached ??= capabilities({ env, stdin: process.stdin, stdout: process.stdout, ...flags });
  return {
    ...cached,
    get columns() {
      return process.stdout.columns || 80;
    },
    get rows() {
      return process.stdout.rows || 24;
    },
  };
}

/**
 * If SIGTSTP has not stopped the process within this many milliseconds, no shell could do so. (Timers of a stopped
 * process do not run.)
 */
const UNSTOPPED_MS = 300;

let busy = false;

function own(): () => void {
  if (busy) throw new Error('two parts of visiontrain want the terminal at once');
  busy = true;
  return () => {
    busy = false;
  };
}

/** Makes sure that somebody can answer; `instead` says what to type otherwise. @throws UsageError when nobody can */
export function requirePerson(can: Capabilities, instead: readonly string[]): void {
  if (can.ask) return;
  throw new UsageError('There is nobody to ask: this is not an interactive terminal.', { nextSteps: instead });
}

/**
 * Runs one prompt. Ctrl-C, a closed stdin and a dying process all become `CancelledError`, so no answer is ever made
 * up.
 */
export async function ask<T>(prompt: () => Promise<T>): Promise<T> {
  const release = own();
  process.stdin.ref();
  // After Ctrl-Z and fg, Node's readline leaves stdin paused, and a process with nothing to read ends.
  const continued = () => setImmediate(() => process.stdin.resume());
  process.on('SIGCONT', continued);
  try {
    return await prompt();
  } catch (error) {
    const name = error instanceof Error ? error.name : '';
    if (name === 'ExitPromptError' || name === 'AbortPromptError') throw new CancelledError('');
    throw error;
  } finally {
    process.off('SIGCONT', continued);
    release();
  }
}

export interface Screen {
  /** Unmounts the element; `show` then returns. */
  leave(): void;
  /** Gives the terminal back to the shell until the job is continued (Ctrl-Z). */
  suspend(): void;
}

/**
 * Shows an Ink element on the alternate screen until `leave` is called. The element is mounted anew at each change of
 * size and after Ctrl-Z, since Ink leaves ghosts when a terminal is narrowed. State that must last lives outside of the
 * element.
 */
export async function show(element: (size: Size, screen: Screen) => ReactElement): Promise<void> {
  const release = own();
  const { render } = await import('ink');
  const { stdin, stdout } = process;
  let again = true;
  let stop = false;
  let unmount = () => {};
  const remount = () => {
    again = true;
    unmount();
  };
  const screen: Screen = {
    leave: () => unmount(),
    suspend: () => {
      again = true;
      stop = true;
      unmount();
    },
  };
  let timer: NodeJS.Timeout | undefined;
  const resized = () => {
    clearTimeout(timer);
    timer = setTimeout(remount, 50);
  };
  enterScreen();
  stdout.on('resize', resized);
  try {
    while (again) {
      again = false;
      // Ink leaves stdin paused and unreferenced, and so does a prompt before it.
      stdin.resume();
      stdin.ref();
      // Ink sets raw mode too, but only after its first frame. Before that the kernel would handle a Ctrl-Z or Ctrl-C
      // itself and leave the alternate screen on.
      if (stdin.isTTY) stdin.setRawMode(true);
      const size = { columns: stdout.columns || 80, rows: stdout.rows || 24 };
      const instance = render(element(size, screen), {
        stdout: painter((text) => void stdout.write(text), size),
        // With `debug` Ink hands whole frames to the painter and never moves the cursor: Ink 6.8 counts one line too
        // few when it draws changes only.
        debug: true,
        exitOnCtrlC: false,
        patchConsole: false,
      });
      unmount = instance.unmount;
      await instance.waitUntilExit();
      if (stop) {
        stop = false;
        restoreTerminal();
        await stopUntilContinued();
        // While the process was stopped, only the shell was told of a change of size.
        process.kill(process.pid, 'SIGWINCH');
        enterScreen();
      }
    }
  } finally {
    clearTimeout(timer);
    stdout.off('resize', resized);
    restoreTerminal();
    release();
  }
}

/**
 * Stops the whole process group, as the terminal itself does on Ctrl-Z, because npx and npm wait for us. Where no shell
 * could continue the group (`ssh -t host visiontrain …`) the kernel does not stop it, and the screen comes back by
 * itself.
 */
async function stopUntilContinued(): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, UNSTOPPED_MS);
    process.once('SIGCONT', () => {
      clearTimeout(timer);
      resolve();
    });
    process.kill(0, 'SIGTSTP');
  });
}

let entered = false;
let guarded = false;

function enterScreen(): void {
  guard();
  entered = true;
  // The sequences switch to the alternate screen, hide the cursor, and stop the wrapping of lines that are a cell too
  // long.
  writeNow('\u001b[?1049h\u001b[?25l\u001b[?7l');
}

/**
 * Puts back everything that `show` changed. It may be called any number of times, from anywhere, even while the process
 * dies.
 */
export function restoreTerminal(): void {
  if (!entered) return;
  entered = false;
  try {
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
  } catch {
    // The terminal is gone, and its mode with it.
  }
  writeNow('\u001b[?2026l\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l');
}

function writeNow(text: string): void {
  try {
    writeSync(process.stdout.fd, text);
  } catch {
    // A vanished terminal needs no restoring.
  }
}

/** Restores the terminal when the process ends, and ends the process when its terminal is gone. */
function guard(): void {
  if (guarded) return;
  guarded = true;
  process.once('exit', restoreTerminal);
  process.once('uncaughtExceptionMonitor', restoreTerminal);
  for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    process.once(signal, () => {
      restoreTerminal();
      process.kill(process.pid, signal);
    });
  }
  const gone = (error: NodeJS.ErrnoException) => {
    if (error.code === 'EIO' || error.code === 'EPIPE' || error.code === 'ENXIO') process.kill(process.pid, 'SIGHUP');
    else throw error;
  };
  process.stdout.on('error', gone);
  process.stdin.on('error', gone);
}
