import { describe, expect, it } from 'vitest';
import {
  announcing,
  createAnnouncer,
  noticeSequence,
  progressSequence,
  takeUndo,
  titleSequence,
} from '../../src/terminal/announce.ts';
import { planted } from '../helpers/escapes.ts';

const E = '\u001b';
const ST = `${E}\\`;

describe('the bytes of each escape sequence', () => {
  it.each([
    ['osc9', false, `${E}]9;vt: fox finished${ST}`],
    ['osc777', false, `${E}]777;notify;vt;fox finished${ST}`],
    ['osc99', false, `${E}]99;i=visiontrain:d=0:p=title;vt${ST}${E}]99;i=visiontrain:d=1:p=body;fox finished${ST}`],
    ['osc9', true, `${E}Ptmux;${E}${E}]9;vt: fox finished${E}${E}\\${ST}`],
  ] as const)('%s, tmux: %s', (kind, tmux, bytes) => {
    expect(noticeSequence(kind, 'vt', 'fox finished', tmux)).toBe(bytes);
  });

  it('has progress and titles', () => {
    expect(progressSequence(0.426)).toBe(`${E}]9;4;1;42${ST}`);
    expect(progressSequence('failed')).toBe(`${E}]9;4;2;100${ST}`);
    expect(progressSequence(undefined)).toBe(`${E}]9;4;0;0${ST}`);
    expect(titleSequence('42 % - fox', true)).toBe(`${E}[22;2t${E}]2;42 % - fox${ST}`);
    expect(titleSequence('43 % - fox', false)).toBe(`${E}]2;43 % - fox${ST}`);
  });

  it.each(['osc9', 'osc777', 'osc99'] as const)('%s lets no text out of its place', (kind) => {
    const made = noticeSequence(kind, '4', `${planted}; 50;x`, false);
    const begins = ['9;', '777;notify;', ...['0:p=title', '1:p=body'].map((part) => `99;i=visiontrain:d=${part};`)];
    const ours = [ST, ...begins.map((word) => `${E}]${word}`)].reduce((text, word) => text.replaceAll(word, ''), made);
    expect(ours).not.toMatch(/\p{Cc}/u);
    expect(noticeSequence('osc9', '4;1', '50', false)).toBe(`${E}]9;4,1: 50${ST}`);
    expect(noticeSequence('osc777', 'a;b', 'c;d', false)).toBe(`${E}]777;notify;a,b;c,d${ST}`);
  });
});

describe('sequences that a terminal is known to accept', () => {
  const none = { notice: undefined, progress: false, title: false, tmux: false };
  it.each([
    [{ TERM: 'xterm-256color' }, { ...none, title: true }],
    [{ TERM: 'xterm-kitty' }, { ...none, notice: 'osc99', title: true }],
    [{ TERM: 'foot' }, { ...none, notice: 'osc99', title: true }],
    [{ TERM: 'xterm-ghostty' }, { ...none, notice: 'osc777', title: true, progress: true }],
    [
      { TERM: 'xterm-256color', TERM_PROGRAM: 'WezTerm' },
      { ...none, notice: 'osc777', title: true },
    ],
    [
      { TERM: 'xterm-256color', LC_TERMINAL: 'iTerm2' },
      { ...none, notice: 'osc9', title: true },
    ],
    [
      { TERM: 'xterm-256color', WT_SESSION: 'x' },
      { ...none, title: true, progress: true },
    ],
    [
      { TERM: 'xterm-256color', VTE_VERSION: '7900' },
      { ...none, title: true, progress: true },
    ],
    [
      { TERM: 'xterm-256color', VTE_VERSION: '6800' },
      { ...none, title: true },
    ],
    [
      { TERM: 'tmux-256color', TMUX: '/tmp/t', GHOSTTY_RESOURCES_DIR: '/g' },
      { notice: 'osc777', title: true, progress: false, tmux: true },
    ],
    [{ TERM: 'screen.xterm' }, none],
    [{ TERM: 'linux' }, none],
    [{ TERM: 'dumb' }, none],
    [{}, none],
  ])('%o', (env, can) => {
    expect(announcing(env)).toEqual(can);
  });
});

describe('an announcer', () => {
  const all = { bell: true, terminal: 'auto', title: true, progress: true } as const;
  const record = (wishes: Parameters<typeof createAnnouncer>[1], env: NodeJS.ProcessEnv) => {
    const sent: string[] = [];
    return { sent, announcer: createAnnouncer({ write: (text) => sent.push(text) }, wishes, env) };
  };

  it('sends changes only, and restores everything', () => {
    const { sent, announcer } = record(all, { TERM: 'xterm-ghostty' });
    announcer.progress(0.1, '10 % - fox');
    announcer.progress(0.104, '10 % - fox');
    announcer.progress(0.2, '20 % - fox');
    announcer.notice('vt', 'fox finished');
    announcer.clear();
    announcer.clear();
    expect(sent).toEqual([
      `${E}]9;4;1;10${ST}${E}[22;2t${E}]2;10 % - fox${ST}`,
      `${E}]9;4;1;20${ST}${E}]2;20 % - fox${ST}`,
      `${E}]777;notify;vt;fox finished${ST}`,
      '\u0007',
      `${E}]9;4;0;0${ST}${E}[23;2t`,
    ]);
    expect(takeUndo()).toBe('');
  });

  it('is silent where a setting says so, or the terminal is not known', () => {
    const off = record({ bell: false, terminal: 'off', title: false, progress: false }, { TERM: 'xterm-kitty' });
    off.announcer.progress(0.1, 'x');
    off.announcer.notice('vt', 'x');
    off.announcer.clear();
    expect(off.sent).toEqual([]);
    const dumb = record({ ...all, bell: false }, { TERM: 'dumb' });
    dumb.announcer.progress(0.1, 'x');
    dumb.announcer.notice('vt', 'x');
    expect(dumb.sent).toEqual([]);
    const forced = record({ ...all, bell: false, terminal: 'osc9' }, { TERM: 'dumb' });
    forced.announcer.notice('vt', 'x');
    expect(forced.sent).toEqual([`${E}]9;vt: x${ST}`]);
  });
});
