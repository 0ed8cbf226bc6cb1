import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultServer, sampleFile } from '../helpers/fault-server.ts';
import { Terminal } from '../helpers/tmux.ts';
import { silentIndex, withoutUv } from '../helpers/wheels.ts';

const bin = join(import.meta.dirname, '..', '..', 'bin', 'visiontrain');
const small = sampleFile(1 << 20, 2);
const large = sampleFile(64 << 20, 3);
let home: string;
let quick: FaultServer;
let slow: FaultServer;
let terminal: Terminal | undefined;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'visiontrain-bars-'));
  quick = await new FaultServer(small).start();
  slow = await new FaultServer(large).start();
  slow.limit = 1 << 20;
  const file = (path: string, role: string, content: Buffer, url: string) =>
    `{path: ${path}, role: ${role}, bytes: ${content.length}, sha256: ${createHash('sha256').update(content).digest('hex')}, sources: [{kind: url, url: '${url}'}]}`;
  mkdirSync(join(home, 'config', 'models'), { recursive: true });
  writeFileSync(
    join(home, 'config', 'models', 'two.yaml'),
    `version: 1
models:
  - id: two
    title: Two
    summary: for tests
    family: sdxl
    resolution: 1024
    layout: single_file
    recipe_set: sdxl
    caption_style: tags
    guidance: any
    license: {name: none, url: 'https://example.invalid', restrictions: none, acceptance: false}
    files:
      - ${file('a_rather_long_name_of_weights_1.0.safetensors', 'weights', large, slow.url)}
      - ${file('config/model_index.json', 'companion', small, quick.url)}
`,
  );
});

afterEach(async () => {
  terminal?.close();
  await quick.stop();
  await slow.stop();
  rmSync(home, { recursive: true, force: true });
});

interface Surroundings {
  readonly linesBefore?: number;
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly option?: string;
}

/** A download whose bars begin below this many lines of earlier output. */
function start({ linesBefore = 0, columns = 120, env = {}, option = '' }: Surroundings): Terminal {
  const earlier = Array.from({ length: linesBefore }, (_, i) => `earlier ${i + 1}`).join('\\n');
  const pull = `printf '${earlier}\\n'; exec '${process.execPath}' '${bin}' models pull two${option}`;
  const ours = { VISIONTRAIN_HOME: home, VISIONTRAIN_CONNECTIONS: '1', ...env };
  terminal = new Terminal(['sh', '-c', pull], { cwd: home, columns, rows: 24, env: ours });
  return terminal;
}

const bar = (line: string) => /^(fetching|in all)|[█░]/.test(line);

/** The rows of bars on the screen, once two frames were painted for this width. */
async function barsAt(t: Terminal, columns: number): Promise<string[]> {
  const cells = Math.min(100, columns - 1);
  const ends = columns > 40 ? `.{${cells - 1}}[█░]$` : `.{0,${cells}}$`;
  const painted = new RegExp(`^(?=fetching)${ends}[^]*^(?=in all)${ends}`, 'm');
  const share = (lines: readonly string[]) =>
    lines
      .join('\n')
      .match(/fetching +\d+ %/g)
      ?.at(-1);
  const first = share(await t.shows(painted));
  for (;;) {
    const lines = await t.shows(painted);
    if (share(lines) !== first) return lines.filter((line) => line !== '');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('progress bars in a terminal that changes its width', { timeout: 600_000 }, () => {
  it.each([
    ['at the top of the screen', 0],
    ['in its middle', 9],
    ['at its bottom', 60],
  ])('appear there once each, %s', async (_where, linesBefore) => {
    const t = start({ linesBefore });
    await t.shows('in all');
    for (const columns of [60, 40, 100, 80, 50]) {
      t.resize(columns, 24);
      const lines = await barsAt(t, columns);
      const screen = lines.join('\n');
      expect(lines.filter(bar), screen).toHaveLength(2);
      expect(
        lines.filter((line) => !bar(line)).every((line) => /^earlier \d+$/.test(line)),
        screen,
      ).toBe(true);
    }
    // Rows that tmux pushed out of sight while folding lines stay in the history, but their number must not grow with
    // each frame.
    const history = t.history().split('\n');
    for (let i = 1; i <= linesBefore; i += 1) expect(history).toContain(`earlier ${i}`);
    expect(history.filter(bar).length).toBeLessThanOrEqual(2 + 2 * 5);
    t.keys('C-c');
    await t.shows('[exit 130]');
    expect(t.screen().filter(bar)).toEqual([]);
    expect(t.modes().cursor).toBe(true);
  });

  it('leave nothing more behind once the window is no longer dragged', async () => {
    const t = start({ linesBefore: 30 });
    await t.shows('in all');
    const widths = Array.from({ length: 10 }, (_, i) => 116 - 8 * i);
    for (const drag of [widths, widths.toReversed()]) {
      for (const columns of drag) {
        t.resize(columns, 24);
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
      // A terminal that folds lines twice before its size is read leaves pieces of bars; their number depends on the
      // machine's load.
      const rests = drag.at(-1) ?? 0;
      const left = (await barsAt(t, rests)).filter(bar).length;
      const later = await barsAt(t, rests);
      expect(later.filter(bar).length, later.join('\n')).toBeLessThanOrEqual(left);
      expect(later.slice(-2).every(bar), later.join('\n')).toBe(true);
    }
  });
});

describe('progress bars in a terminal', { timeout: 600_000 }, () => {
  it('fit 80 columns without a colour, and changing numbers are not cut', async () => {
    const t = start({ columns: 80, env: { NO_COLOR: '1' } });
    await t.shows(/^fetching +\d+ % {2}67\.1 MB {2}[\d.]+ .B\/s, .* left .*… {2}[█░]{15}$/m);
    const lines = (await barsAt(t, 80)).filter(bar);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/^in all +\d+ % {2}68\.2 MB {2}file 2 of 2 /);
    expect(t.colours()).not.toContain('\u001b');
  });

  it('are words alone in 30 columns', async () => {
    const lines = (await barsAt(start({ columns: 30 }), 30)).filter(bar);
    expect(lines).toHaveLength(2);
    expect(lines.join('')).not.toMatch(/[█░]/);
    expect(lines[0]).toMatch(/…$/);
  });

  it('are written in ASCII where the locale has nothing else', async () => {
    const t = start({ columns: 80, env: { LANG: 'C' } });
    // The name of the second file is the one that is too long.
    const lines = await t.shows(/^fetching.*\.\.\. .* ?[#-]{15}$/m);
    expect(lines.join('')).toMatch(/^[\x20-\x7e]+$/);
  });

  it.each([
    ['--plain', ' --plain', {}],
    ['ACCESSIBLE=1', '', { ACCESSIBLE: '1' }],
    ['TERM=dumb', '', { TERM: 'dumb' }],
  ])('give way to lines with %s', async (_name, option, env) => {
    const t = start({ columns: 80, env, option });
    const [line = ''] = (await t.shows(/a_rather_long_name.* 10 %/)).filter((text) => text.includes('10 %'));
    expect(line).not.toMatch(/[█░]/);
    expect(t.modes().cursor).toBe(true);
  });
});

describe('the bar of the set-up', { timeout: 600_000 }, () => {
  it('appears there once at every width', async () => {
    const index = await silentIndex();
    const env = { ...index.env, VISIONTRAIN_HOME: home, PATH: withoutUv() };
    const t = new Terminal([process.execPath, bin, 'setup'], { cwd: home, columns: 100, rows: 24, env });
    terminal = t;
    try {
      await index.asked;
      await t.shows(/^\d+ of \d+ {2}packages.*…? .*[█░]$/m);
      for (const columns of [44, 80, 30, 100]) {
        t.resize(columns, 24);
        await t.shows(
          columns > 40 ? new RegExp(`^\\d of .{${Math.min(100, columns - 1) - 6}}[█░]$`, 'm') : /^\d of .{0,23}…$/m,
        );
        expect(t.screen().filter((line) => /^\d+ of|[█░]/.test(line))).toHaveLength(1);
      }
      t.keys('C-c');
      const lines = await t.shows('[exit 130]');
      expect(lines.join('\n')).toMatch(/visiontrain setup goes on/);
      expect(lines.filter((line) => /^\d+ of|[█░]/.test(line))).toEqual([]);
    } finally {
      index.close();
    }
  });
});
