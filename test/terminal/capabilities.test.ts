import { describe, expect, it } from 'vitest';
import { capabilities } from '../../src/terminal/capabilities.ts';

const tty = { isTTY: true, columns: 100, rows: 40 };
const at = (env: NodeJS.ProcessEnv, more: object = {}) => capabilities({ env, stdin: tty, stdout: tty, ...more });

describe('capabilities', () => {
  it('asks and draws for a person at a terminal', () => {
    expect(at({ TERM: 'xterm-256color', LANG: 'en_US.UTF-8' })).toEqual({
      ask: true,
      draw: true,
      accessible: false,
      colour: 2,
      unicode: true,
      columns: 100,
      rows: 40,
      tmux: false,
    });
  });

  it.each([
    ['stdin is no terminal', {}, { stdin: {} }],
    ['stdout is no terminal', {}, { stdout: {} }],
    ['CI', { CI: 'true' }, {}],
    ['--no-input', {}, { noInput: true }],
  ])('does not ask: %s', (_why, env, more) => {
    expect(at({ TERM: 'xterm', ...env }, more).ask).toBe(false);
  });

  it.each([
    ['TERM=dumb', { TERM: 'dumb' }, {}],
    ['ACCESSIBLE', { ACCESSIBLE: '1' }, {}],
    ['--plain', {}, { plain: true }],
  ])('asks in lines and never redraws: %s', (_why, env, more) => {
    expect(at({ TERM: 'xterm', ...env }, more)).toMatchObject({ ask: true, draw: false, accessible: true });
  });

  it.each([
    [{ NO_COLOR: '1', COLORTERM: 'truecolor' }, 0],
    [{ NO_COLOR: '', COLORTERM: 'truecolor' }, 3],
    [{ FORCE_COLOR: '0', COLORTERM: 'truecolor' }, 0],
    [{ FORCE_COLOR: '3' }, 3],
    [{ TERM: 'xterm' }, 1],
    [{ TERM: 'xterm-256color' }, 2],
    [{ COLORTERM: '24bit' }, 3],
  ])('colours of %o', (env, level) => {
    expect(at({ TERM: 'xterm', ...env }).colour).toBe(level);
  });

  it.each([
    [{}, true],
    [{ LANG: 'de_DE.UTF-8' }, true],
    [{ LANG: 'C' }, false],
    [{ LC_ALL: 'C.utf8', LANG: 'C' }, true],
    [{ TERM: 'linux', LANG: 'en_US.UTF-8' }, false],
  ])('Unicode of %o', (env, unicode) => {
    expect(at({ TERM: 'xterm', ...env }).unicode).toBe(unicode);
  });

  it('takes a terminal without a size for 80×24', () => {
    const bare = { isTTY: true, columns: 0, rows: 0 };
    expect(capabilities({ env: {}, stdin: bare, stdout: bare })).toMatchObject({ columns: 80, rows: 24 });
  });

  it.each([
    [{ TMUX: '/tmp/tmux,1,0' }, true],
    [{ TERM: 'screen-256color' }, true],
    [{ TERM: 'xterm' }, false],
  ])('tmux of %o', (env, tmux) => {
    expect(at(env).tmux).toBe(tmux);
  });

  it('knows its pane of tmux only where tmux runs on this machine', () => {
    expect(at({ TMUX: '/tmp/tmux,1,0', TMUX_PANE: '%3' }).tmuxPane).toBe('%3');
    expect(at({ TERM: 'tmux-256color', TMUX_PANE: '%3' }).tmuxPane).toBeUndefined();
  });
});
