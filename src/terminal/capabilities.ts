/** What a terminal can do, decided once from the environment and the streams. Pure. */
import { isOn } from '../base/env-flag.ts';

export interface Capabilities {
  /** Whether questions can be asked: a person can type and see. */
  readonly ask: boolean;
  /** Whether the screen may be redrawn; otherwise the program prints lines only. */
  readonly draw: boolean;
  /** Whether questions are numbered and nothing is redrawn: ACCESSIBLE=1, or a terminal that cannot move its cursor. */
  readonly accessible: boolean;
  /** Depth of colour: 0 none, 1 sixteen colours, 2 256 colours, 3 24 bits. */
  readonly colour: 0 | 1 | 2 | 3;
  readonly unicode: boolean;
  readonly columns: number;
  readonly rows: number;
  readonly tmux: boolean;
  /** The pane of tmux that the program runs in; undefined outside, and where tmux runs on another machine. */
  readonly tmuxPane?: string | undefined;
}

export interface TerminalFacts {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: { readonly isTTY?: boolean };
  readonly stdout: { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly noInput?: boolean;
  readonly plain?: boolean;
}

/** Decides everything that the program wants to know about the terminal. Pure. */
export function capabilities({ env, stdin, stdout, noInput, plain }: TerminalFacts): Capabilities {
  const dumb = env.TERM === 'dumb';
  const ci = isOn(env.CI) || isOn(env.CONTINUOUS_INTEGRATION);
  const person = stdin.isTTY === true && stdout.isTTY === true && !ci;
  const accessible = isOn(env.ACCESSIBLE) || dumb || plain === true;
  return {
    ask: person && noInput !== true,
    draw: person && !accessible,
    accessible,
    colour: plain === true || dumb ? 0 : colourLevel(env, stdout.isTTY === true),
    unicode: hasUnicode(env),
    columns: stdout.columns || 80,
    rows: stdout.rows || 24,
    tmux: Boolean(env.TMUX) || ['tmux', 'screen'].some((name) => env.TERM?.startsWith(name)),
    tmuxPane: env.TMUX ? env.TMUX_PANE : undefined,
  };
}

function colourLevel(env: NodeJS.ProcessEnv, tty: boolean): 0 | 1 | 2 | 3 {
  if (env.FORCE_COLOR !== undefined) {
    const level = { '0': 0, false: 0, '2': 2, '3': 3 }[env.FORCE_COLOR] ?? 1;
    return level as 0 | 1 | 2 | 3;
  }
  if (env.NO_COLOR || !tty) return 0;
  if (/^(truecolor|24bit)$/i.test(env.COLORTERM ?? '')) return 3;
  return /-(256color|direct)$/.test(env.TERM ?? '') ? 2 : 1;
}

/**
 * Whether Unicode may be printed. A locale that names another encoding is respected; a missing locale, as in bare
 * containers, counts as UTF-8.
 */
export function hasUnicode(env: NodeJS.ProcessEnv): boolean {
  if (env.TERM === 'linux' || env.TERM === 'dumb') return false;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG;
  if (locale === undefined || locale === '') return true;
  const name = locale.toLowerCase();
  return name.includes('utf-8') || name.includes('utf8');
}
