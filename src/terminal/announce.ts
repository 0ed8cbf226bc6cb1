/**
 * Tells a terminal things beside its text: the bell, a desktop notification, progress in the taskbar, a title. Each
 * escape sequence is made here, from text that is neutralised first, and sent only to terminals that are known to
 * support it: another terminal would print it, or show progress as a notification.
 */
import { neutralise, shorten } from '../base/text.ts';

export type NoticeEscape = 'osc9' | 'osc777' | 'osc99';

/** The sequences that the terminal of this environment supports. */
export interface Announcing {
  readonly notice: NoticeEscape | undefined;
  readonly progress: boolean;
  readonly title: boolean;
  /**
   * Whether the program runs inside tmux, which passes a sequence on only when it is wrapped (and `allow-passthrough`
   * is on).
   */
  readonly tmux: boolean;
}

const BEL = '\u0007';
const ST = '\u001b\\';
const LONGEST = 200;

/**
 * The sequences that a terminal supports, by the environment. A terminal over SSH is recognised by TERM and
 * LC_TERMINAL alone, since SSH passes on no other of these variables. Pure.
 */
export function announcing(env: NodeJS.ProcessEnv): Announcing {
  const { TERM: term = '', TERM_PROGRAM: program = '' } = env;
  const tmux = Boolean(env.TMUX);
  // GNU screen cuts long sequences, and a console or a dumb terminal prints them.
  if (term === '' || term === 'dumb' || term === 'linux' || (term.startsWith('screen') && !tmux))
    return { notice: undefined, progress: false, title: false, tmux };
  const kitty = term === 'xterm-kitty' || Boolean(env.KITTY_WINDOW_ID);
  const ghostty = term === 'xterm-ghostty' || program === 'ghostty' || Boolean(env.GHOSTTY_RESOURCES_DIR);
  const wezterm = term === 'wezterm' || program === 'WezTerm' || Boolean(env.WEZTERM_PANE);
  const iterm = program === 'iTerm.app' || env.LC_TERMINAL === 'iTerm2';
  const vte = Number(env.VTE_VERSION ?? 0);
  const foot = /^foot(-|$)/.test(term);
  const windows = Boolean(env.WT_SESSION) || env.ConEmuANSI === 'ON';
  const notice = kitty || foot ? 'osc99' : ghostty || wezterm || /^rxvt-unicode/.test(term) ? 'osc777' : undefined;
  return {
    notice: notice ?? (iterm ? 'osc9' : undefined),
    // VTE supports it since 0.79. tmux drops the sequence, wrapped or not, because progress belongs to a window and
    // not to a pane.
    progress: !tmux && (windows || ghostty || vte >= 7900),
    title: true,
    tmux,
  };
}

/** A sequence wrapped for tmux, which unwraps it and passes it on to the outer terminal. */
function wrapped(sequence: string, tmux: boolean): string {
  return tmux ? `\u001bPtmux;${sequence.replaceAll('\u001b', '\u001b\u001b')}${ST}` : sequence;
}

const plain = (text: string) => shorten(neutralise(text), LONGEST);
/** Text for OSC 777 and 99, where a semicolon would end the part. */
const part = (text: string) => plain(text).replaceAll(';', ',');

/** The sequence that shows a desktop notification. */
export function noticeSequence(kind: NoticeEscape, title: string, body: string, tmux: boolean): string {
  if (kind === 'osc777') return wrapped(`\u001b]777;notify;${part(title)};${part(body)}${ST}`, tmux);
  if (kind === 'osc99')
    return [
      wrapped(`\u001b]99;i=visiontrain:d=0:p=title;${part(title)}${ST}`, tmux),
      wrapped(`\u001b]99;i=visiontrain:d=1:p=body;${part(body)}${ST}`, tmux),
    ].join('');
  // A number and a semicolon at the beginning would be read as another command, such as 4 for progress.
  const text = plain(`${title}: ${body}`).replace(/^(\d+);/, '$1,');
  return wrapped(`\u001b]9;${text}${ST}`, tmux);
}

/**
 * The sequence for progress in the taskbar: a share from 0 to 1; 'failed' is shown in red, undefined removes the
 * progress.
 */
export function progressSequence(share: number | 'failed' | undefined): string {
  if (share === undefined) return `\u001b]9;4;0;0${ST}`;
  if (share === 'failed') return `\u001b]9;4;2;100${ST}`;
  return `\u001b]9;4;1;${Math.floor(Math.min(1, Math.max(0, share)) * 100)}${ST}`;
}

/** The sequence that sets the title of the window. With `first`, the present title is saved, for FORMER_TITLE. */
export const titleSequence = (text: string, first: boolean): string =>
  `${first ? '\u001b[22;2t' : ''}\u001b]2;${plain(text)}${ST}`;

/** Restores the title that was saved. */
const FORMER_TITLE = '\u001b[23;2t';

export interface Announcer {
  /** Rings the bell and shows a notification, as far as the person wants them. */
  notice(title: string, body: string): void;
  progress(share: number | 'failed' | undefined, title: string): void;
  /** Removes progress and title. */
  clear(): void;
}

export interface AnnounceWishes {
  readonly bell: boolean;
  readonly terminal: 'off' | 'auto' | NoticeEscape;
  readonly title: boolean;
  readonly progress: boolean;
}

let undo = '';

/** The sequences that restore title and progress of this process's terminal; '' when nothing was changed. */
export function takeUndo(): string {
  const all = undo;
  undo = '';
  return all;
}

/** Announces on a stream that leads to a terminal. Only what changes is sent. */
export function createAnnouncer(
  stream: { write(text: string): unknown },
  wishes: AnnounceWishes,
  env: NodeJS.ProcessEnv,
): Announcer {
  const can = announcing(env);
  const kind = wishes.terminal === 'auto' ? can.notice : wishes.terminal === 'off' ? undefined : wishes.terminal;
  let shown = '';
  return {
    notice(title, body) {
      if (kind !== undefined) stream.write(noticeSequence(kind, title, body, can.tmux));
      if (wishes.bell) stream.write(BEL);
    },
    progress(share, title) {
      const withProgress = wishes.progress && can.progress;
      const withTitle = wishes.title && can.title;
      const next = `${withProgress ? progressSequence(share) : ''}${withTitle ? titleSequence(title, undo === '') : ''}`;
      const plainNext = next.replace('\u001b[22;2t', '');
      if (plainNext === shown || next === '') return;
      shown = plainNext;
      undo = `${withProgress ? progressSequence(undefined) : ''}${withTitle ? FORMER_TITLE : ''}`;
      stream.write(next);
    },
    clear() {
      shown = '';
      const back = takeUndo();
      if (back !== '') stream.write(back);
    },
  };
}

/**
 * An announcer on this process's terminal: that of stdout when the program draws on the screen, otherwise that of
 * stderr. Undefined where the stream is no terminal.
 */
export function announcerHere(
  { onScreen }: { readonly onScreen: boolean },
  wishes: AnnounceWishes,
  env: NodeJS.ProcessEnv,
): Announcer | undefined {
  const stream = onScreen ? process.stdout : process.stderr;
  return stream.isTTY ? createAnnouncer(stream, wishes, env) : undefined;
}
