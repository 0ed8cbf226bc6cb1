import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundleFixture } from '../helpers/bundle.ts';
import { foreign, planted } from '../helpers/escapes.ts';
import { png } from '../helpers/png.ts';
import { trainingStory } from '../helpers/run-story.ts';
import { Terminal, type TerminalOptions } from '../helpers/tmux.ts';

let program: string;
let dir: string;
let terminal: Terminal | undefined;

beforeAll(async () => {
  program = await bundleFixture('dashboard-program');
});

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-dashboard-'));
  mkdirSync(join(dir, 'samples'));
  for (const name of ['000800-0', '000800-1', '000000-0-base', '000000-1-base'])
    writeFileSync(
      join(dir, 'samples', `${name}.png`),
      png(64, 64, (x, y) => [x * 4, y * 4, name.length * 9]),
    );
  const events = trainingStory({ name: 'fox', steps: 1600, upTo: 992, every: 200, end: Date.now() / 1000 });
  writeFileSync(join(dir, 'events.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  writeFileSync(join(dir, 'trainer.log'), 'loading\nstep 1\rstep 2\r\u001b[31mred\u001b[0m line\n');
});

afterEach(() => {
  terminal?.close();
  rmSync(dir, { recursive: true, force: true });
});

function start(mode = '', options: Partial<TerminalOptions> = {}): Terminal {
  terminal = new Terminal([process.execPath, program, dir, mode], { cwd: dir, ...options });
  return terminal;
}

const asked = () => (existsSync(join(dir, 'asked')) ? readFileSync(join(dir, 'asked'), 'utf8').trim().split('\n') : []);

describe('the dashboard in a terminal', { timeout: 600_000 }, () => {
  it('shows the run on the alternate screen and leaves the terminal as it was', async () => {
    const t = start();
    const lines = await t.shows(/step 992 of 1600[\s\S]*\? help/);
    expect(lines.at(-1)).toBe('');
    expect(lines.at(-2)).toMatch(/d detach .* \? help/);
    expect(t.modes()).toEqual({ alternate: true, cursor: false });
    t.keys('d');
    await t.shows('left: detached');
    await t.shows('[exit 0]');
    expect(t.modes()).toEqual({ alternate: false, cursor: true });
    expect(asked()).toEqual([]);
  });

  it('keeps one clean frame while pages come and go and the size changes', async () => {
    const t = start();
    // Lines are painted from the top, so the last one shows that the frame is complete.
    const before = await t.shows(/step 992[\s\S]*\? help/);
    t.keys('?');
    await t.shows('What the trainer prints');
    t.keys('x', 'l');
    const log = await t.shows('trainer.log');
    expect(log).toContain('red line');
    t.keys('x', 'p');
    await t.shows('without the LoRA');
    t.keys('Right');
    await t.shows('Sample 2 of');
    t.keys('x');
    await t.shows('step 992 of 1600');
    t.resize(120, 34);
    await t.shows(/step 992[\s\S]*▀▀▀/);
    t.resize(50, 12);
    await t.shows(/^62 % step 992\/1600/);
    expect(t.screen().join('').trim()).toMatch(/left fox$/);
    t.resize(80, 24);
    const after = await t.shows(/step 992[\s\S]*\? help/);
    const still = (lines: readonly string[]) => lines.filter((line) => !/ends|heard/.test(line));
    expect(still(after)).toEqual(still(before));
  });

  it('asks at Ctrl-C, stops only when told, and ends with the run', async () => {
    const t = start();
    await t.shows('step 992 of 1600');
    t.keys('C-c');
    await t.shows('Leave fox?');
    t.keys('k');
    await t.shows('step 992 of 1600');
    t.keys('c', 'g', 's');
    await t.shows('Stop fox?');
    t.keys('y');
    await t.shows('Stopping, with a checkpoint.');
    expect(asked()).toEqual(['checkpoint', 'sample', 'stop']);
    t.keys('C-c');
    await t.shows('left: detached');
  });

  it('understands keys that arrive together', async () => {
    const t = start('together');
    await t.shows('step 992 of 1600');
    t.text('s\r');
    await t.shows('Stopping, with a checkpoint');
    expect(asked()).toEqual(['stop']);
    t.text('\u0003\u0003');
    await t.shows('left: detached');
  });

  it('comes back after Ctrl-Z and fg', async () => {
    terminal = new Terminal(['bash', '--norc', '-i'], { cwd: dir, env: { PS1: 'shell> ' } });
    await terminal.shows('shell>');
    terminal.text(`'${process.execPath}' '${program}' '${dir}'`);
    terminal.keys('Enter');
    await terminal.shows('step 992 of 1600');
    terminal.keys('C-z');
    await terminal.shows('Stopped');
    expect(terminal.modes()).toEqual({ alternate: false, cursor: true });
    terminal.text('fg');
    terminal.keys('Enter');
    await terminal.shows('step 992 of 1600');
    expect(terminal.modes().alternate).toBe(true);
    terminal.keys('d');
    await terminal.shows('left: detached');
  });

  it('comes back by itself after Ctrl-Z where no shell could bring it back', async () => {
    const t = start('alone');
    await t.shows('step 992 of 1600');
    t.keys('C-z');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await t.shows('step 992 of 1600');
    expect(t.modes().alternate).toBe(true);
    t.keys('d');
    await t.shows('left: detached');
  });

  it('ends by itself when the run does', async () => {
    appendFileSync(
      join(dir, 'events.jsonl'),
      `${JSON.stringify({ v: 2, seq: 99_999, t: Date.now() / 1000, type: 'exit', status: 'finished', code: 0, step: 1600 })}\n`,
    );
    const t = start('ends');
    await t.shows('left: ended');
    expect(t.modes().alternate).toBe(false);
  });

  it('changes nothing in a read-only view', async () => {
    const t = start('readonly');
    await t.shows('step 992 of 1600');
    t.keys('s', 'y', 'c', 'g', '?');
    const help = await t.shows('any key: back');
    expect(help.join('\n')).not.toContain('Saves a checkpoint');
    expect(asked()).toEqual([]);
  });

  it('needs no sign beyond ASCII and no colour', async () => {
    const t = start('', { env: { LANG: 'C', NO_COLOR: '1' } });
    const lines = await t.shows('step 992 of 1600');
    expect([...lines.join('')].filter((sign) => sign > '~')).toEqual([]);
    t.keys('p');
    await t.shows(/without +.*samples\/000000-0-base\.png/);
  });

  it('dies with its terminal', async () => {
    const t = start();
    await t.shows('step 992 of 1600');
    const pid = t.child();
    t.close();
    const alive = () => {
      try {
        process.kill(pid, 0);
        return true;
      } catch {
        return false;
      }
    };
    for (let i = 0; alive() && i < 200; i += 1) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(alive()).toBe(false);
  });

  it.each(['SIGTERM', 'SIGINT', 'an error nobody catches'])(
    'leaves nothing on the screen when %s ends it',
    async (end) => {
      const t = start(end.startsWith('SIG') ? '' : 'throws');
      await t.shows('step 992 of 1600');
      if (end.startsWith('SIG')) process.kill(t.child(), end);
      const lines = await t.shows(/\[exit \d+\]/);
      expect(t.modes()).toEqual({ alternate: false, cursor: true });
      expect(lines.join('\n')).not.toContain('step 992');
      expect(lines.join('\n').includes('planted')).toBe(!end.startsWith('SIG'));
    },
  );

  it('sends no escape sequence of a stranger, on any page', async () => {
    const events = trainingStory({ name: planted, steps: 1600, upTo: 992, every: 200, end: Date.now() / 1000 });
    const more = [
      { type: 'note', level: 'warn', text: planted },
      { type: 'checkpoint', step: planted, path: planted, bytes: 1 },
      { type: 'active', facts: { device: planted, precision: planted } },
      { type: 'sample', step: 992, index: 0, path: planted, prompt: planted, seed: planted, adapter: true },
      { type: 'sample', step: 992, index: 0, path: planted, prompt: planted, seed: 1, adapter: true },
      { type: 'step', step: 993, epoch: planted, loss: 0.1, lr: 1e-4 },
      { type: 'step', step: 993, epoch: 7, loss: 0.1, lr: 1e-4 },
    ].map((event, i) => ({ v: 2, seq: events.length + 1 + i, t: Date.now() / 1000, ...event }));
    writeFileSync(
      join(dir, 'events.jsonl'),
      [...events, ...more].map((event) => `${JSON.stringify(event)}\n`).join(''),
    );
    writeFileSync(join(dir, 'trainer.log'), `${planted}\n`.repeat(4));
    writeFileSync(
      join(dir, 'plan.json'),
      JSON.stringify({ model: { name: planted }, training: { schedule: planted }, samples: { prompts: [planted] } }),
    );
    const sent = join(dir, 'sent');
    const go = ['sh', '-c', 'read go; exec "$@"', 'sh', process.execPath, program, dir];
    terminal = new Terminal(go, { cwd: dir, columns: 120, rows: 34 });
    terminal.record(sent);
    terminal.keys('Enter');
    await terminal.shows(/step 993 of 1600[\s\S]*\? help/);
    for (const [key, page] of [
      ['s', 'Stop .*owned'],
      ['C-c', 'Leave .*owned'],
      ['l', 'trainer.log'],
      ['p', 'Sample 1 of'],
    ] as const) {
      terminal.keys(key);
      await terminal.shows(new RegExp(page));
      terminal.keys('x');
      await terminal.shows('step 993 of 1600');
    }
    terminal.keys('d');
    await terminal.shows('left: detached');
    expect(foreign(readFileSync(sent, 'utf8'))).toBe('');
  });
});
