import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TmuxWatch, tmuxShowsSixels } from '../../../src/terminal/graphics/tmux.ts';

/** A program in the place of tmux that notes its arguments, prints these lines and ends with this code. */
function tmuxThatSays(lines: readonly string[], code = 0) {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-tmux-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const [program, asked] = [join(dir, 'tmux'), join(dir, 'asked')];
  const prints = lines.map((line) => `echo '${line}'`).join('\n');
  writeFileSync(program, `#!/bin/sh\necho "$@" > '${asked}'\n${prints}\nexit ${code}\n`, { mode: 0o755 });
  return { program, asked: () => readFileSync(asked, 'utf8') };
}

describe('tmux', () => {
  // What tmux 3.8 says of XTerm(379) with sixels, and of kitty 0.26.
  const xterm = 'has,256,bpaste,ccolour,clipboard,cstyle,extkeys,focus,mouse,rectfill,RGB,sixel,strikethrough,title';
  const kitty = 'has,bpaste,ccolour,clipboard,cstyle,focus,RGB,sync,title';

  it.each([
    ['a terminal with sixels', [xterm], true],
    ['a terminal without', [kitty], false],
    ['both', [xterm, kitty], false],
    ['a terminal of no features', ['has,'], false],
    ['none', [], undefined],
  ])('shows sixels when all terminals of the session do: %s', async (_, lines, shows) => {
    const { program, asked } = tmuxThatSays(lines);
    expect(await tmuxShowsSixels('%3', program)).toBe(shows);
    expect(asked()).toBe('list-clients -t %3 -F has,#{client_termfeatures}\n');
  });

  it('is not believed when it fails, and not asked where it runs on another machine', async () => {
    expect(await tmuxShowsSixels('%3', tmuxThatSays([xterm], 1).program)).toBeUndefined();
    expect(await tmuxShowsSixels('%3', '/nowhere/tmux')).toBeUndefined();
    expect(await tmuxShowsSixels(undefined, tmuxThatSays([xterm]).program)).toBeUndefined();
    expect(await tmuxShowsSixels('-x', tmuxThatSays([xterm]).program)).toBeUndefined();
  });

  it('is asked again after each change of size, and only news are told', async () => {
    const answers = [true, false, undefined, false, true, false];
    const told: boolean[] = [];
    let looked = () => {};
    const shows = async () => {
      // Told in a later turn, when the watch has seen this answer.
      setImmediate(() => looked());
      return answers.shift();
    };
    const watch = new TmuxWatch(shows, (news) => told.push(news), [0]);
    const asked = async () => {
      const done = new Promise<void>((resolve) => {
        looked = resolve;
      });
      watch.ask();
      await done;
    };
    for (const expected of [[], [false], [false], [false], [false, true]]) {
      await asked();
      expect(told).toEqual(expected);
    }
    // The last answer comes when nobody wants it any more.
    watch.ask();
    watch.end();
    const later = new TmuxWatch(
      async () => false,
      (news) => told.push(news),
      [0],
    );
    later.ask();
    await expect.poll(() => told).toEqual([false, true, false]);
    expect(answers).toEqual([false]);
  });
});
