import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { png } from '../helpers/png.ts';
import { Terminal, type TerminalOptions } from '../helpers/tmux.ts';

const bin = join(import.meta.dirname, '..', '..', 'bin', 'visiontrain');
let dir: string;
let terminal: Terminal | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-pty-'));
  mkdirSync(join(dir, 'fox'));
  mkdirSync(join(dir, 'forest'));
  for (let i = 0; i < 6; i += 1) {
    writeFileSync(
      join(dir, 'fox', `fox_${i}.png`),
      png(96 + i, 96, (x, y) => [x, y, i * 30]),
    );
    if (i < 4) writeFileSync(join(dir, 'fox', `fox_${i}.txt`), 'a fox in the snow');
  }
  writeFileSync(join(dir, 'fox', 'cut.png'), 'no picture');
});

afterEach(() => {
  terminal?.close();
  rmSync(dir, { recursive: true, force: true });
});

function start(args: readonly string[], options: Partial<TerminalOptions> = {}): Terminal {
  terminal?.close();
  const env = { VISIONTRAIN_HOME: join(dir, 'home'), ...options.env };
  terminal = new Terminal([process.execPath, bin, ...args], { cwd: dir, ...options, env });
  return terminal;
}

/**
 * No line of the screen is wider than the screen, which tmux would show as a wrapped line: every rule stays one line.
 */
const rules = (lines: readonly string[]) => lines.filter((line) => /^[─-]{40,}$/.test(line.trimEnd()));

/** Presses Down until the marked row is the wanted one; each key is sent once the row before was left. */
async function moveTo(t: Terminal, row: RegExp): Promise<void> {
  const marked = () => t.screen().find((line) => line.includes('❯')) ?? '';
  for (let i = 0; i < 40; i += 1) {
    const from = marked();
    if (row.test(from)) return;
    t.keys('Down');
    for (let waited = 0; waited < 200 && [from, ''].includes(marked()); waited += 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`No row became ${row}; the terminal shows:\n${t.screen().join('\n')}`);
}

describe('the wizard in a terminal of 80×24', { timeout: 600_000 }, () => {
  it('takes Enter on every question to a run.yaml', async () => {
    const t = start([]);
    await t.shows('1/7  Mode');
    t.keys('Enter');
    await t.shows('2/7  Data set');
    await t.shows(/fox\/ +7 pictures, 4 captions/);
    t.keys('Enter');
    await t.shows('6 of 7 pictures will be used, 4 with captions');
    await t.shows('cut.png');
    await t.shows('What do the pictures teach?');
    t.keys('Enter');
    await t.shows('Which word calls');
    t.keys('Enter');
    await t.shows('2 pictures have no caption');
    t.keys('Enter');
    const models = await t.shows('3/7  Model');
    expect(rules(models)).toHaveLength(1);
    expect(models.join('\n')).toMatch(/Tiny.* built in/);
    // Whatever this machine would recommend, the tiny model is two rows above the last but one.
    await moveTo(t, /❯ Tiny/);
    t.keys('Enter');
    await t.shows('How long?');
    t.keys('Enter');
    await t.shows('How strong?');
    t.keys('Enter');
    await t.shows('How detailed?');
    t.keys('Enter');
    const review = await t.shows('6/7  Review');
    expect(review.join('\n')).toMatch(/Pictures +fox +you/);
    expect(review.join('\n')).toMatch(/❯ Start now/);
    t.keys('Down', 'Down', 'Enter');
    await t.shows('[exit 0]');
    const written = readFileSync(join(dir, 'run.yaml'), 'utf8');
    expect(written).toMatch(/path: fox +# you/);
    expect(written).toMatch(/base: tiny/);
    expect(written).toMatch(/rank: 16 +# preset/);
  });

  it('starts the run on the machine that was chosen', async () => {
    // An ssh that lets nobody in shows which machine was dialled.
    writeFileSync(join(dir, 'ssh'), '#!/bin/sh\necho "me@gpu1: Permission denied (publickey)." >&2\nexit 255\n', {
      mode: 0o755,
    });
    const config = join(dir, 'home', 'config');
    mkdirSync(config, { recursive: true, mode: 0o700 });
    const boxes = [{ name: 'gpu1', target: 'me@gpu1' }];
    writeFileSync(join(config, 'boxes.json'), JSON.stringify({ version: 1, boxes }), { mode: 0o600 });
    const t = start(['new', 'fox', '--easy'], { env: { PATH: `${dir}:${process.env.PATH}` } });
    for (const question of ['What do the pictures', 'Which word calls', '2 pictures have no caption']) {
      await t.shows(question);
      t.keys('Enter');
    }
    await t.shows('3/7  Model');
    await moveTo(t, /❯ Tiny/);
    t.keys('Enter');
    for (const question of ['How long?', 'How strong?', 'How detailed?']) {
      await t.shows(question);
      t.keys('Enter');
    }
    await t.shows('Where shall it train?');
    await moveTo(t, /❯ gpu1/);
    t.keys('Enter');
    const review = await t.shows('6/7  Review');
    expect(review.join('\n')).toMatch(/Trains on +gpu1 +you/);
    t.keys('Enter');
    await t.shows('gpu1 lets you in by no key of yours');
    expect(readFileSync(join(dir, 'run.yaml'), 'utf8')).not.toContain('gpu1');
  });

  it('goes back with Esc, keeps what was answered, and changes an answer from the review', async () => {
    const t = start(['new', 'fox', '--easy']);
    await t.shows('What do the pictures teach?');
    t.keys('Down', 'Enter');
    await t.shows('Which word calls');
    t.keys('Escape');
    await t.shows(/❯ A style/);
    t.keys('Up', 'Enter');
    await t.shows('Which word calls');
    t.text('zfoxy');
    t.keys('Enter');
    await t.shows('2 pictures have no caption');
    // The row does what Esc does.
    t.keys('End', 'Enter');
    await t.shows(/❯ zfoxy/);
  });

  it('keeps a draft when it is left with Ctrl-C, and goes on with it', async () => {
    const left = start(['new', 'fox', '--easy']);
    await left.shows('What do the pictures teach?');
    left.keys('Down', 'Enter');
    await left.shows('Which word calls');
    left.keys('C-c');
    await left.shows('[exit 130]');
    await left.shows('Nothing is lost');
    expect(left.modes().cursor).toBe(true);

    const again = start([]);
    await again.shows(/❯ Continue +the draft of today/);
    again.keys('Enter');
    await again.shows('Which word calls');
    again.keys('Escape');
    await again.shows(/❯ A style/);
  });

  it('says at once what is wrong with a folder, and with a setting', async () => {
    const t = start(['new', '--advanced']);
    await t.shows('Where are your pictures?');
    t.text('forest');
    t.keys('Enter');
    await t.shows('✖ The folder');
    await t.shows('has no pictures');
    t.keys('C-u');
    t.text('fox');
    t.keys('Enter');
    await t.shows('What do the pictures teach?');
    t.keys('Enter');
    await t.shows('Which word calls');
    t.keys('Enter');
    await t.shows('2 pictures have no caption');
    t.keys('Enter');
    // Settings that depend on the model are asked after it.
    await t.shows('Which base model?');
    await moveTo(t, /❯ .*1024 px/);
    t.keys('Enter');
    await t.shows('Anything else about the data set?');
    await t.shows(/resolution +1024 +preset/);
    await t.shows(/repeats +1 +preset/);
    t.keys('/');
    await moveTo(t, /❯ repeats/);
    t.keys('Enter');
    await t.shows('dataset.repeats');
    t.text('many');
    t.keys('Enter');
    await t.shows('must be a whole number, 1 to 10000');
    t.keys('C-u');
    t.text('3');
    t.keys('Enter');
    await t.shows(/repeats +3 +you/);
  });

  it('closes an open help page with Esc before it goes back', async () => {
    const t = start(['new', 'fox', '--easy']);
    await t.shows('What do the pictures teach?');
    t.keys('?');
    await t.shows(/goal: /i);
    t.keys('Escape');
    await t.shows(/❯ A character or thing[\s\S]*Learns quickly/);
    t.keys('Enter');
    await t.shows(/Which word calls[\s\S]*Enter go on/);
    const without = t.screen();
    t.keys('?');
    await t.shows(/trigger word: /i);
    t.keys('Escape');
    await t.shows(/Which word calls[\s\S]*Enter go on/);
    while (t.screen().join('\n') !== without.join('\n')) await new Promise((resolve) => setTimeout(resolve, 50));
    t.keys('Escape');
    await t.shows('Learns quickly');
  });

  it('completes with Tab, chooses with Tab, and goes on typing after what was typed before', async () => {
    mkdirSync(join(dir, 'forge'));
    const t = start(['new', '--easy']);
    await t.shows('Where are your pictures?');
    await t.shows(/forest\/[\s\S]*forge\/[\s\S]*fox\//);
    t.text('f');
    await t.shows(/❯ f$/m);
    t.keys('Tab');
    await t.shows(/❯ fo$/m);
    t.keys('Tab');
    await t.shows(/❯ forest\//);
    t.text('x');
    await t.shows(/❯ fox$/m);
    await t.shows(/fox\/ +7 pictures, 4 captions/);
    t.keys('Enter');
    await t.shows('What do the pictures teach?');
  });

  describe('Ctrl-C while no question is open', () => {
    /** An environment in which the look at the machine, between two questions, never ends by itself. */
    const held = () => {
      writeFileSync(
        join(dir, 'gate.cjs'),
        `if (process.argv[1]?.endsWith('visiontrain'))
           require('node:fs/promises').statfs = () => new Promise(() => {
             const { existsSync, writeFileSync } = require('node:fs');
             writeFileSync('held', '');
             const waiting = setInterval(() => existsSync('held') || clearInterval(waiting), 50);
           });`,
      );
      return { env: { NODE_OPTIONS: `--require ${join(dir, 'gate.cjs')}` } };
    };

    const isHeld = async (t: Terminal) => {
      while (!existsSync(join(dir, 'held'))) await new Promise((resolve) => setTimeout(resolve, 50));
      await t.cooked();
    };
    const isOver = async (t: Terminal) => {
      rmSync(join(dir, 'held'));
      await t.shows('[exit 130]');
    };

    it('says that nothing was started; and that nothing is lost, when questions were answered', async () => {
      const first = start([], held());
      await first.shows('1/7  Mode');
      first.keys('Enter');
      await isHeld(first);
      first.keys('C-c');
      await first.shows('Left. Nothing was started.');
      await isOver(first);

      const second = start(['new', 'fox', '--easy']);
      await second.shows('What do the pictures teach?');
      second.keys('Enter');
      await second.shows('Which word calls');
      second.keys('C-c');
      await second.shows('Left. Nothing is lost: visiontrain goes on from here.');

      const third = start([], held());
      await third.shows('1/7  Mode');
      third.keys('Enter');
      await isHeld(third);
      third.keys('C-c');
      await third.shows('Left. Nothing is lost: visiontrain goes on from here.');
      await isOver(third);
    });

    it('says that no run was made, after the last question', async () => {
      const t = start(['demo'], held());
      await isHeld(t);
      t.keys('C-c');
      await t.shows('Left. No run was made, and nothing was started.');
      await isOver(t);
    });
  });

  it('goes on after Ctrl-Z and fg', async () => {
    terminal?.close();
    const env = { VISIONTRAIN_HOME: join(dir, 'home'), PS1: 'shell> ' };
    terminal = new Terminal(['bash', '--norc', '-i'], { cwd: dir, env });
    await terminal.shows('shell>');
    terminal.text(`'${process.execPath}' '${bin}' new fox --easy`);
    terminal.keys('Enter');
    await terminal.shows('What do the pictures teach?');
    terminal.keys('C-z');
    await terminal.shows('Stopped');
    terminal.text('fg');
    terminal.keys('Enter');
    await terminal.shows('fg');
    // Text typed before the prompt reads again belongs to the shell.
    for (let i = 0; i < 100 && !/Which word calls/.test(terminal.screen().join('\n')); i += 1) {
      terminal.keys('Enter');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await terminal.shows('Teaches');
    expect(terminal.screen().join('\n')).not.toContain('Left.');
  });

  it('draws the next question for the terminal’s size at that time', async () => {
    const t = start(['new', 'fox', '--easy']);
    await t.shows('What do the pictures teach?');
    t.resize(60, 15);
    t.keys('Enter');
    const lines = await t.shows(/Which word calls[\s\S]*Esc back/);
    expect(rules(lines).at(-1)?.trimEnd()).toMatch(/^[─-]{59}$/);
  });

  it('explains with ? and hides it again', async () => {
    const t = start(['new', 'fox', '--easy']);
    await t.shows('What do the pictures teach?');
    t.keys('?');
    await t.shows('recipe: The settings that suit a base model');
    t.keys('?');
    await t.shows('15 to 40 varied pictures do');
  });

  it('needs no sign beyond ASCII and no colour', async () => {
    const t = start(['new', 'fox', '--easy'], { env: { LANG: 'C', NO_COLOR: '1' } });
    const lines = await t.shows('What do the pictures teach?');
    expect(lines.join('\n')).toContain('> A character or thing');
    expect([...t.history()].filter((sign) => sign > '~')).toEqual([]);
    expect(t.colours()).not.toContain('\u001b[3');
  });

  it('asks in numbered lines, without redrawing, under ACCESSIBLE=1', async () => {
    const t = start(['new', 'fox', '--easy'], { env: { ACCESSIBLE: '1' } });
    await t.shows('2. A style');
    t.text('2');
    t.keys('Enter');
    await t.shows('Teaches: a style');
    t.text('b');
    t.keys('Enter');
    await t.shows('Enter for 2');
    t.keys('C-c');
    await t.shows('[exit 130]');
  });
});
