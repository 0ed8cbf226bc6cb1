/** A real terminal: tmux on a socket of its own, which receives keys and shows a screen. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

let count = 0;
const LONGEST_WAIT_MS = 200_000;

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

export class Terminal {
  readonly #socket: string;

  /** Runs the command. `[exit N]` is shown on the screen when it has ended. */
  constructor(command: readonly string[], { columns = 80, rows = 24, cwd, env = {} }: TerminalOptions) {
    const found = spawnSync('tmux', ['-V']);
    if (found.error !== undefined)
      throw new Error(
        'These tests look at a real terminal and need tmux: install it (apt-get install tmux, brew install tmux).',
      );
    count += 1;
    this.#socket = `visiontrain-test-${process.pid}-${count}`;
    const unset = ['CI', 'CONTINUOUS_INTEGRATION', 'NO_COLOR', 'FORCE_COLOR', 'ACCESSIBLE', 'LC_ALL', 'LC_CTYPE'];
    const all: Record<string, string> = { LANG: 'C.UTF-8', COLORTERM: 'truecolor', ...env };
    const line = [
      // On a cooked terminal Ctrl-C reaches this shell too, and must not end it.
      'trap : INT; env',
      ...unset.flatMap((name) => ['-u', name]),
      ...Object.entries(all).map(([name, value]) => quote(`${name}=${value}`)),
      ...command.map(quote),
      "; printf '\\n[exit %s]\\n' $?; sleep 600",
    ].join(' ');
    const size = ['-x', String(columns), '-y', String(rows)];
    // tmux itself must know that its terminal is UTF-8, whatever the machine's locale is.
    this.#tmux('-u', '-f', '/dev/null', 'new-session', '-d', ...size, '-c', cwd, `sh -c ${quote(line)}`);
  }

  #tmux(...args: string[]): string {
    const env = { ...process.env, LC_ALL: 'C.UTF-8', TMUX: '' };
    return execFileSync('tmux', ['-L', this.#socket, ...args], {
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** From now on, writes all bytes that the command writes into this file. */
  record(file: string): void {
    this.#tmux('pipe-pane', '-o', `cat > ${quote(file)}`);
  }

  /** Sends keys by tmux's names (Enter, Down, Escape, C-c), or text. */
  keys(...keys: string[]): void {
    this.#tmux('send-keys', ...keys);
  }

  text(words: string): void {
    this.#tmux('send-keys', '-l', words);
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** The lines on the screen. */
  screen(): string[] {
    return this.#tmux('capture-pane', '-p').split('\n').slice(0, -1);
  }

  /** The screen with its colours. */
  colours(): string {
    return this.#tmux('capture-pane', '-p', '-e');
  }

  /** The whole scrollback and the screen. */
  history(): string {
    return this.#tmux('capture-pane', '-p', '-S', '-');
  }

  /** Whether the alternate screen is on, and whether the cursor is shown. */
  modes(): { alternate: boolean; cursor: boolean } {
    const [alternate, cursor] = this.#tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}').trim().split(' ');
    return { alternate: alternate === '1', cursor: cursor === '1' };
  }

  /** Waits until the screen shows `wanted`. The limit only ends a test that hangs. */
  async shows(wanted: RegExp | string, limitMs = LONGEST_WAIT_MS): Promise<string[]> {
    const until = Date.now() + limitMs;
    for (;;) {
      const lines = this.screen();
      const text = lines.join('\n');
      if (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)) return lines;
      if (Date.now() > until) throw new Error(`The terminal never showed ${wanted}; it shows:\n${text}`);
      await sleep(50);
    }
  }

  /** Waits until the terminal turns Ctrl-C into a signal, as it does while no question is open. */
  async cooked(limitMs = LONGEST_WAIT_MS): Promise<void> {
    const tty = this.#tmux('display-message', '-p', '#{pane_tty}').trim();
    const isCooked = () => {
      const file = process.platform === 'darwin' ? '-f' : '-F';
      return /(^|\s)isig/m.test(execFileSync('stty', [file, tty, '-a'], { encoding: 'utf8' }));
    };
    for (const until = Date.now() + limitMs; !isCooked(); await sleep(50))
      if (Date.now() > until) throw new Error('The terminal never made a signal of Ctrl-C.');
  }

  /** Process id of the command. */
  child(): number {
    const shell = this.#tmux('display-message', '-p', '#{pane_pid}').trim();
    const children = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim().split(' ');
    return Number(children[0]);
  }

  close(): void {
    spawnSync('tmux', ['-L', this.#socket, 'kill-server']);
  }
}

const quote = (text: string) => (text.startsWith(';') ? text : `'${text.replaceAll("'", "'\\''")}'`);
