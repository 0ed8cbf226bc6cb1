import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  CELL_QUESTION,
  cellOf,
  graphicsOf,
  isWhole,
  question,
  typed,
  typedAndCell,
} from '../../../src/terminal/graphics/answers.ts';
import { askGraphics, CellWatch } from '../../../src/terminal/graphics/ask.ts';

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
      answers: `\u001b[?2;0;805;490S${KITTY}${CELL}${SIXEL}`,
    });
    expect(typed('p\u001b_Gi=31;O')).toEqual({ keys: 'p', begun: '\u001b_Gi=31;O', answers: '' });
    expect(typed('\u001b[C\u001b[D')).toEqual({ keys: '\u001b[C\u001b[D', begun: '', answers: '' });
  });

  it('to the size of a cell leave keys with Alt that begin like other answers', () => {
    expect(typedAndCell(`\u001bPq${CELL}\u001b[C\u001b[?62`)).toEqual({
      keys: '\u001bPq\u001b[C',
      begun: '\u001b[?62',
      answers: CELL,
    });
  });

  it.each(['kitty', 'iterm2', 'sixel'] as const)('tell %s how large a cell is by now', (kind) => {
    expect(cellOf(`${CELL}${SIXEL}`, SIZE, kind)).toEqual([10, 20]);
    expect(cellOf(`\u001b[?2;0;805;490S${SIXEL}`, SIZE, kind)).toEqual(kind === 'sixel' ? [10, 20] : undefined);
  });
});

describe('the size of a cell', () => {
  // xterm.js 6 has 150 columns on 1174 pixels and tells that a cell is 8 wide; Konsole and tmux tell other things there.
  it.each([
    ['?2;0;1174;720', [1174 / 150, 15]],
    ['?2;0;16384;16384', [8, 15]],
    ['?2;0;1000;600', [8, 15]],
    ['?2;3;0', [8, 15]],
  ])('is exact where the largest image %s is as large as the window', (geometry, cell) => {
    const answer = `\u001b[6;15;8t\u001b[${geometry}S${SIXEL}`;
    for (const kind of ['kitty', 'sixel'] as const)
      expect(cellOf(answer, { columns: 150, rows: 48 }, kind)).toEqual(cell);
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

/** A terminal’s input, and what sends to it through the kernel, at once. */
async function kernelPair() {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-ask-'));
  const server = createServer();
  const opened = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(join(dir, 'socket'), resolve));
  const stdin = Object.assign(connect(join(dir, 'socket')), { isRaw: true });
  const [terminal] = await Promise.all([opened, once(stdin, 'connect')]);
  onTestFinished(() => {
    stdin.destroy();
    terminal.destroy();
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  return { stdin: stdin as unknown as NodeJS.ReadStream, terminal };
}

/** Computes until any patience is over. */
function block() {
  const until = Date.now() + 30;
  while (Date.now() < until);
}

describe('an answer that came in time to a program that was busy', () => {
  const answers = `${KITTY}${CELL}${DEVICE}`;

  it('counts at the start', async () => {
    const { stdin, terminal } = await kernelPair();
    const write = () => void terminal.write(answers);
    const asked = askGraphics({ stdin, write, size: SIZE, inside: false, patience: 1 });
    block();
    expect(await asked).toMatchObject({ kind: 'kitty' });
  });

  it('counts later, and is no key', async () => {
    const { stdin, terminal } = await kernelPair();
    let keys = '';
    stdin.on('readable', () => {
      for (let part = stdin.read(); part !== null; part = stdin.read()) keys += String(part);
    });
    const write = () => void terminal.write(`${CELL}${DEVICE}p`);
    const found = new Promise((answered) => new CellWatch({ stdin, write, answered, patience: 1 }).ask());
    block();
    expect(await found).toBe(`${CELL}${DEVICE}`);
    await expect.poll(() => keys).toBe('p');
  });
});

describe('asking for the size of a cell again', () => {
  const watched = (patience: number) => {
    const stdin = Object.assign(new PassThrough(), { isRaw: true });
    stdin.setEncoding('utf8');
    const [asked, answers]: [string[], string[]] = [[], []];
    const watch = new CellWatch({
      stdin: stdin as unknown as NodeJS.ReadStream,
      write: (text) => asked.push(text),
      answered: (text) => answers.push(text),
      patience,
    });
    /** What another reader of stdin gets of this input. */
    const read = (text: string) => {
      stdin.write(text);
      return String(stdin.read() ?? '');
    };
    return { stdin, asked, answers, watch, read };
  };

  it('takes the answers out of the keys that others read, in any pieces, and only while it waits', () => {
    const { asked, answers, watch, read } = watched(60_000);
    watch.ask();
    expect(read(`p${CELL}\u001b[C\u001b[?6`)).toBe('p\u001b[C');
    expect(read('2;4c\u001b')).toBe('\u001b');
    expect([asked, answers]).toEqual([[CELL_QUESTION], [`${CELL}\u001b[?62;4c`]]);
    expect(read(SIXEL)).toBe(SIXEL);
  });

  it('asks once more when it was to ask meanwhile, and not while the terminal is the shell’s', () => {
    const { stdin, asked, answers, watch, read } = watched(60_000);
    watch.ask();
    watch.ask();
    watch.ask();
    expect(asked).toHaveLength(1);
    read(`${CELL}${SIXEL}`);
    expect(asked).toHaveLength(2);
    read(`\u001b[6;40;20t${SIXEL}`);
    expect(answers).toEqual([`${CELL}${SIXEL}`, `\u001b[6;40;20t${SIXEL}`]);
    stdin.isRaw = false;
    watch.ask();
    expect(asked).toHaveLength(2);
  });

  it('asks once more, too, when the first question had no answer', async () => {
    const { asked, watch } = watched(1);
    watch.ask();
    watch.ask();
    await expect.poll(() => asked.length, { timeout: 20_000 }).toBe(2);
  });

  it('gives back what has begun when it ends', () => {
    const { watch, read } = watched(60_000);
    watch.ask();
    expect(read('\u001b[')).toBe('');
    watch.end();
    expect(read('A')).toBe('\u001b[A');
  });
});
