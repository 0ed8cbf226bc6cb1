/**
 * What a terminal can be told beside the text on it: the bell, a notice on the desktop, progress in the taskbar, a title.
 * Each escape sequence is made here, from text that is neutralised first, and sent only to terminals that are known to
 * take it: another one would print it, or show progress as a notice.
 */
import { neutralise, shorten } from '../base/text.ts';

export type NoticeEscape = 'osc9' | 'osc777' | 'osc99';

/** What the terminal of this environment takes. */
export interface Announcing {
  readonly notice: NoticeEscape | undefined;
  readonly progress: boolean;
  readonly title: boolean;
  /** Whether tmux stands between: it passes a sequence on only when it is wrapped (and `allow-passthrough` is on). */
  readonly tmux: boolean;
}

const BEL = '\u0007';
const ST = '\u001b\\';
const LONGEST = 200;

/** Pure. A terminal over SSH is known by TERM and LC_TERMINAL alone, since SSH passes on no other of these. */
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
    // VTE has it since 0.79. tmux eats it, wrapped or not, as it belongs to a window and not to a pane.
    progress: !tmux && (windows || ghostty || vte >= 7900),
    title: true,
    tmux,
  };
}

/** What sits in the way to the terminal takes the sequence out of this wrapping and passes it on. */
function wrapped(sequence: string, tmux: boolean): string {
  return tmux ? `\u001bPtmux;${sequence.replaceAll('\u001b', '\u001b\u001b')}${ST}` : sequence;
}

const plain = (text: string) => shorten(neutralise(text), LONGEST);
/** In OSC 777 and 99 a semicolon ends a part. */
const part = (text: string) => plain(text).replaceAll(';', ',');

/** The sequence that shows a notice. */
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

/** Progress in the taskbar: a share from 0 to 1; 'failed' is shown in red, undefined takes it away. */
export function progressSequence(share: number | 'failed' | undefined): string {
  if (share === undefined) return `\u001b]9;4;0;0${ST}`;
  if (share === 'failed') return `\u001b]9;4;2;100${ST}`;
  return `\u001b]9;4;1;${Math.floor(Math.min(1, Math.max(0, share)) * 100)}${ST}`;
}

/** The title of the window. `first` keeps the one that is there, for `formerTitle`. */
export const titleSequence = (text: string, first: boolean): string =>
  `${first ? '\u001b[22;2t' : ''}\u001b]2;${plain(text)}${ST}`;

/** Puts back the title that the window had. */
const FORMER_TITLE = '\u001b[23;2t';

export interface Announcer {
  /** Rings and shows a notice, as far as they are wanted. */
  notice(title: string, body: string): void;
  progress(share: number | 'failed' | undefined, title: string): void;
  /** Takes progress and title away again. */
  clear(): void;
}

export interface AnnounceWishes {
  readonly bell: boolean;
  readonly terminal: 'off' | 'auto' | NoticeEscape;
  readonly title: boolean;
  readonly progress: boolean;
}

let undo = '';

/** What puts back title and progress of this process's terminal; '' when nothing was changed. */
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

/** Announces on this process's terminal: that of the screen, or that of the words. Undefined where there is none. */
export function announcerHere(
  { onScreen }: { readonly onScreen: boolean },
  wishes: AnnounceWishes,
  env: NodeJS.ProcessEnv,
): Announcer | undefined {
  const stream = onScreen ? process.stdout : process.stderr;
  return stream.isTTY ? createAnnouncer(stream, wishes, env) : undefined;
}
