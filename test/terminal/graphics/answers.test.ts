import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { graphicsOf, isWhole, question, typed } from '../../../src/terminal/graphics/answers.ts';
import { askGraphics } from '../../../src/terminal/graphics/ask.ts';

const KITTY = '\u001b_Gi=31;OK\u001b\\';
const DEVICE = '\u001b[?62;22c';
const SIXEL = '\u001b[?62;4;22c';
const CELL = '\u001b[6;20;10t';

const SIZE = { columns: 80, rows: 24 };

describe('the question', () => {
  it('has these bytes, and is short where tmux or screen answers', () => {
    expect(question(false)).toBe(
      '\u001b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\u001b\\\u001b]1337;Capabilities\u001b\\\u001b[>q\u001b[16t\u001b[?2;1;0S\u001b[c',
    );
    expect(question(true)).toBe('\u001b[16t\u001b[?2;1;0S\u001b[c');
  });
});

describe('the answers', () => {
  it.each([
    ['kitty', `${KITTY}${CELL}${DEVICE}`, { kind: 'kitty', cell: [10, 20] }],
    ['kitty that does not tell its cells', `${KITTY}${DEVICE}`, { kind: 'kitty', cell: undefined }],
    ['kitty before sixels', `${KITTY}${CELL}${SIXEL}`, { kind: 'kitty', cell: [10, 20] }],
    ['iTerm2', `\u001b]1337;Capabilities=T2CwLrMSc7UUwBFSx\u0007${CELL}${SIXEL}`, { kind: 'iterm2', cell: [10, 20] }],
    ['WezTerm', `\u001bP>|WezTerm 20240203\u001b\\${CELL}${SIXEL}`, { kind: 'iterm2', cell: [10, 20] }],
    ['xterm with sixels', `\u001bP>|XTerm(390)\u001b\\${CELL}${SIXEL}`, { kind: 'sixel', cell: [10, 20] }],
    ['sixels on cells of an unknown size', SIXEL, undefined],
    ['sixels of at most the window’s size', `\u001b[?2;0;805;490S${SIXEL}`, { kind: 'sixel', cell: [10, 20] }],
    ['xterm without', `\u001bP>|XTerm(390)\u001b\\${CELL}${DEVICE}`, undefined],
    ['kitty that refuses', `\u001b_Gi=31;EINVAL:no\u001b\\${CELL}${DEVICE}`, undefined],
    ['features without files', `\u001b]1337;Capabilities=FtSx\u001b\\${DEVICE}`, undefined],
    ['cells of no size', `\u001b[6;0;0t${SIXEL}`, undefined],
    ['nothing', '', undefined],
  ])('tell %s', (_, text, expected) => {
    expect(graphicsOf(text, SIZE)).toEqual(expected);
  });

  it('are told apart from what a person typed', () => {
    expect(isWhole(`${KITTY}`)).toBe(false);
    expect(typed(`q\u001b[?2;0;805;490S${KITTY}\u001b[A${CELL}ä${SIXEL}\u001b`)).toEqual({
      keys: 'q\u001b[Aä',
      begun: '\u001b',
    });
    expect(typed('p\u001b_Gi=31;O')).toEqual({ keys: 'p', begun: '\u001b_Gi=31;O' });
    expect(typed('\u001b[C\u001b[D')).toEqual({ keys: '\u001b[C\u001b[D', begun: '' });
  });
});

describe('asking', () => {
  const asked = async (patience: number, answer: (stdin: PassThrough) => void) => {
    const stdin = new PassThrough();
    const found = await askGraphics({
      stdin: stdin as unknown as NodeJS.ReadStream,
      write: () => answer(stdin),
      size: SIZE,
      inside: false,
      patience,
    });
    return { stdin, found };
  };
  const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

  it('returns the keys that were pressed meanwhile, and no answer, whatever pieces these arrive in', async () => {
    const { stdin, found } = await asked(2000, (to) => {
      for (const sign of `q${KITTY}\u001b[B${CELL}${DEVICE}`) to.write(sign);
    });
    expect(found).toMatchObject({ kind: 'kitty' });
    expect(String(stdin.read())).toBe('q\u001b[B');
  });

  it('removes answers that come too late, also in pieces, and leaves keys and a lone escape', async () => {
    const { stdin, found } = await asked(10, (to) => to.write('a\u001b_Gi=31;'));
    expect(found).toBeUndefined();
    const read: string[] = [];
    stdin.on('readable', () => {
      for (let part = stdin.read(); part !== null; part = stdin.read()) read.push(String(part));
    });
    for (const part of ['OK\u001b\\', 'b', '\u001b[?62;', '4c', '\u001b', '\u001b[A']) {
      stdin.write(part);
      await soon();
    }
    expect(read.join('')).toBe('ab\u001b\u001b[A');
  });
});
