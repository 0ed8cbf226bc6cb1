/**
 * Shows an Ink element on the alternate screen, and restores the terminal at any end: when it is left, at Ctrl-Z, at a
 * signal, at an uncaught error, and when the terminal itself is gone.
 */
import { writeSync } from 'node:fs';
import { render, useApp, useWindowSize } from 'ink';
import type { ReactElement } from 'react';
import { takeUndo } from './announce.ts';
import type { Capabilities } from './capabilities.ts';
import { cellOf, type Graphics } from './graphics/answers.ts';
import { askGraphics, CellWatch } from './graphics/ask.ts';
import { ImageLayer } from './graphics/layer.ts';
import { TmuxWatch, tmuxShowsSixels } from './graphics/tmux.ts';
import { mayHaveGraphics } from './images.ts';
import type { Size } from './size.ts';
import { takeTerminal } from './terminal.ts';

export type { ImageRow } from './graphics/layer.ts';

export interface Screen {
  /** Unmounts the element; `show` then returns. */
  leave(): void;
  /** Gives the terminal back to the shell until the job is continued (Ctrl-Z). */
  suspend(): void;
  /** Shows images over empty lines; undefined where the terminal can show only text. */
  readonly images: ImageLayer | undefined;
}

export interface ShowOptions {
  /**
   * Capabilities of the terminal, given when images are to be shown: the terminal is then asked whether it can show
   * any.
   */
  readonly images?: Capabilities;
}

export type ShownElement = (size: Size, screen: Screen) => ReactElement;

/** Most frames a second: enough for keys, and a run does not send news more often. */
const MAX_FPS = 10;

/** Shows the element until `leave` is called. `view` is called again at each change of the terminal's size. */
export async function show(view: ShownElement, options: ShowOptions = {}): Promise<void> {
  const release = takeTerminal();
  const { stdin, stdout } = process;
  guard();
  // A prompt before this leaves stdin paused and unreferenced.
  stdin.resume();
  stdin.ref();
  // Ink sets raw mode too, but only after its first frame. Before that the kernel would handle a Ctrl-Z or Ctrl-C itself
  // and leave the alternate screen on.
  if (stdin.isTTY) stdin.setRawMode(true);
  stopWrapping();
  const graphics = await graphicsFor(options.images);
  const stage = (images: ImageLayer | undefined) => <Stage view={view} images={images} />;
  const { layer, endLayer } = layerFor(graphics, options.images, (images) => instance.rerender(stage(images)));
  const instance = render(stage(layer), {
    alternateScreen: true,
    incrementalRendering: true,
    interactive: true,
    maxFps: MAX_FPS,
    exitOnCtrlC: false,
    patchConsole: false,
  });
  // Ink draws from where it left the cursor. A terminal may move the cursor when its size changes, so the screen is
  // emptied before Ink draws on the new one.
  const wipe = () => {
    instance.clear();
    writeNow('\u001b[2J\u001b[H');
    layer?.wiped();
  };
  stdout.prependListener('resize', wipe);
  try {
    await instance.waitUntilExit();
  } finally {
    stdout.off('resize', wipe);
    endLayer();
    instance.unmount();
    goOnWrapping();
    release();
  }
}

/**
 * The layer of images on a terminal that shows them, and what ends it.
 * @param use is handed the layer, or undefined, when the session of tmux gets a terminal that shows images or none
 */
function layerFor(
  graphics: Graphics | undefined,
  can: Capabilities | undefined,
  use: (images: ImageLayer | undefined) => void,
): { layer?: ImageLayer; endLayer: () => void } {
  if (graphics === undefined) return { endLayer: () => {} };
  const { stdin, stdout } = process;
  const layer = new ImageLayer(graphics, {
    write: (text) => stdout.write(text),
    redraw: () => stdout.emit('resize'),
  });
  const answered = (text: string) => layer.zoomed(cellOf(text, stdout, graphics.kind));
  const watch = new CellWatch({ stdin, write: (text) => stdout.write(text), answered });
  const outside = new TmuxWatch(
    () => tmuxShowsSixels(can?.tmuxPane),
    (shows) => {
      if (shows) layer.resume();
      else layer.pause();
      use(shows ? layer : undefined);
      stdout.emit('resize');
    },
  );
  // Node tells only of changes in columns and rows. With another font a terminal may have as many as before.
  const look = () => {
    watch.ask();
    if (graphics.tmux === true) outside.ask();
  };
  process.on('SIGWINCH', look);
  return {
    layer,
    endLayer: () => {
      process.off('SIGWINCH', look);
      watch.end();
      outside.end();
      layer.close();
    },
  };
}

let known: { readonly graphics: Graphics | undefined } | undefined;

/**
 * The protocol for images of this terminal; undefined without one. The terminal is asked once, on the alternate
 * screen: if it prints the question, no trace is left.
 */
async function graphicsFor(can: Capabilities | undefined): Promise<Graphics | undefined> {
  if (can === undefined || !mayHaveGraphics(can) || !process.stdin.isTTY) return undefined;
  if (known !== undefined) return known.graphics;
  writeNow('\u001b[?1049h');
  const graphics = await askGraphics({ stdin: process.stdin, write: writeNow, size: can, inside: can.tmux });
  writeNow('\u001b[?1049l');
  const isShown = graphics !== undefined && (!can.tmux || (await tmuxShowsSixels(can.tmuxPane)) === true);
  known = { graphics: isShown ? { ...graphics, tmux: can.tmux } : undefined };
  return known.graphics;
}

/** Passes an element the size of the terminal and the functions it may call. */
function Stage({
  view,
  images,
}: {
  readonly view: ShownElement;
  readonly images: ImageLayer | undefined;
}): ReactElement {
  const { exit, suspendTerminal } = useApp();
  const screen: Screen = {
    images,
    leave: () => {
      images?.pause();
      exit();
    },
    suspend: () => {
      images?.pause();
      const suspended = suspendTerminal(async () => {
        goOnWrapping();
        writeNow(takeUndo());
        await stopUntilContinued();
        // While the process was stopped, only the shell received the changes of size.
        process.kill(process.pid, 'SIGWINCH');
        stopWrapping();
      });
      void suspended.then(() => {
        images?.resume();
        // By now the terminal is ours again, so the size of its cells can be asked for too.
        process.kill(process.pid, 'SIGWINCH');
      });
    },
  };
  return view(useWindowSize(), screen);
}

/**
 * If SIGTSTP has not stopped the process within this many milliseconds, no shell could do so. (Timers of a stopped
 * process do not run.)
 */
const UNSTOPPED_MS = 300;

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

let changed = false;
let guarded = false;

/**
 * Turns off wrapping: Ink relies on each line of a frame being one line of the terminal, also while the terminal gets
 * narrower.
 */
function stopWrapping(): void {
  changed = true;
  writeNow('\u001b[?7l');
}

function goOnWrapping(): void {
  changed = false;
  writeNow('\u001b[?7h');
}

/** Restores, in a process that dies, everything that `show` changed. */
function restore(): void {
  writeNow(takeUndo());
  if (!changed) return;
  changed = false;
  try {
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
  } catch {
    // The terminal is gone, and its mode with it.
  }
  writeNow('\u001b[?2026l\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l');
}

function writeNow(text: string): void {
  if (text === '') return;
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
  process.once('exit', restore);
  process.once('uncaughtExceptionMonitor', restore);
  for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    process.once(signal, () => {
      restore();
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
