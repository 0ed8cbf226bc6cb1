import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { renderToString } from 'ink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DashboardFrame } from '../../../src/cli/dashboard/dashboard.tsx';
import { initialJudgeUi, type JudgeUi, pressJudge } from '../../../src/cli/dashboard/judge/judge-press.ts';
import { JudgeScreen, placedImages } from '../../../src/cli/dashboard/judge/judge-screen.tsx';
import { judgeTable } from '../../../src/cli/dashboard/judge/judge-table.ts';
import { type Judgement, judgementSchema } from '../../../src/engine/judge/schema.ts';
import { width } from '../../../src/terminal/columns.ts';
import { styleFor } from '../../../src/terminal/style.ts';
import { png } from '../../helpers/png.ts';

let runDir: string;
beforeAll(() => {
  runDir = mkdtempSync(join(tmpdir(), 'judge-screen-'));
  mkdirSync(join(runDir, 'judge'));
  for (const name of ['base', 'step', 'near'])
    writeFileSync(
      join(runDir, 'judge', `${name}.png`),
      png(8, 8, (x, y) => [x * 30, y * 30, 90]),
    );
});
afterAll(() => rmSync(runDir, { recursive: true }));

const scored = (value: number) => ({ value, stderr: 0.01, each: [value, value] });
const row = (step: number, likeness: number) => ({
  step,
  strength: step === 0 ? 0 : 1,
  validation: { loss: 0.1, stderr: 0.01 },
  change: step === 0 ? null : { value: -0.02, stderr: 0.001 },
  likeness: scored(likeness),
  bleeding: scored(0.05),
  diversity: null,
  copies: {
    samples: 2,
    copied: step === 1200 ? 2 : 0,
    by_chance: 0,
    usual: 0.8,
    nearest: { sample: 'judge/step.png', image: 'foxes/fox_07.png', alike: 0.9 },
  },
  samples: [[step === 0 ? 'judge/base.png' : 'judge/step.png'], ['judge/gone.png']],
  neighbours: [[{ image: 'foxes/fox_07.png', alike: 0.9, shown: 'judge/near.png' }], []],
});

describe('the error of a measurement', () => {
  it('is left out where one sample alone has none', () => {
    const made = judgement(3, 'done');
    const alone = { value: 0.1, stderr: 0, each: [0.1] };
    const lines = judgeTable({ ...made, rows: made.rows.map((one) => ({ ...one, bleeding: alone })) }, { width: 80 });
    expect(lines[1]).toMatch(/^base model +0\.1000 +0\.400 ± 0\.010 +0\.100 +0 of 2/u);
  });
});

function judgement(rows: number, status: Judgement['status']): Judgement {
  const all = [row(0, 0.4), row(800, 0.7), row(1200, 0.9)];
  const prompt = { negative: '', trigger: true, image: null, shot: null };
  return judgementSchema.parse({
    version: 1,
    status,
    measure: 'dinov2-small',
    spec_sha256: '',
    process: null,
    request: {
      steps: [800, 1200],
      strengths: [1],
      prompts: [
        { text: 'zfx in the snow', ...prompt },
        { text: 'zfx', ...prompt },
      ],
      seeds: [7],
    },
    rows: all.slice(0, rows),
    advice:
      status === 'done'
        ? { step: 800, strength: 1, text: 'Step 800 at strength 1: good.', doubt: 'It may be wrong: few.' }
        : null,
  });
}

interface Shown {
  readonly found: Judgement;
  readonly ui?: Partial<JudgeUi>;
  readonly colour?: 0 | 1 | 3;
  readonly size?: readonly [number, number];
  readonly real?: boolean;
}

function propsOf({ found, ui = {}, colour = 0, size: [columns, rows] = [80, 24], real = false }: Shown) {
  const size = { columns: columns - 1, rows: rows - 1 };
  return {
    ...{ name: 'fox', runDir, judgement: found, goesOn: found.status === 'running', colour, size, real },
    ui: { ...initialJudgeUi, ...ui },
    style: styleFor({ colour, unicode: true }),
  };
}

function shown(asked: Shown): string[] {
  const props = propsOf(asked);
  const [columns, rows] = asked.size ?? [80, 24];
  const text = renderToString(
    <DashboardFrame size={{ columns, rows }}>
      <JudgeScreen {...props} />
    </DashboardFrame>,
    { columns },
  );
  const lines = text.trimEnd().split('\n');
  for (const line of lines) expect(width(line)).toBeLessThan(columns);
  expect(lines.length).toBeLessThan(rows);
  return lines;
}

describe('the screen of a judgement', () => {
  it.each([
    [80, 24],
    [140, 45],
  ])('shows the table as it grows, in %d×%d', (columns, rows) => {
    const growing = shown({ found: judgement(2, 'running'), ui: { row: 1 }, size: [columns, rows] });
    expect(growing[0]).toBe('fox: 2 of 3 rows, goes on; judged by dinov2-small');
    expect(growing.join('\n')).toMatch(/❯ step 800 × 1 +0\.1000/u);
    const done = shown({ found: judgement(3, 'done'), ui: { row: 1 }, size: [columns, rows] }).join('\n');
    expect(done).toContain('Step 800 at strength 1: good.');
    expect(done).toContain('It may be wrong: few.');
  });

  it('shows a sample beside the base model’s and the training picture that it is nearest to', () => {
    const ui = { page: 'samples', row: 2, sample: 0 } as const;
    const lines = shown({ found: judgement(3, 'done'), ui, colour: 3 });
    const plain = lines.map((line) => stripVTControlCharacters(line));
    expect(plain[0]).toBe('step 1200 × 1 (3 of 3), likeness 0.900, 2 of 2 copies');
    expect(plain[1]).toBe('1 of 2: zfx in the snow, seed 7');
    expect(plain[3]).toMatch(/^base model +step 1200 × 1 +fox_07\.png, alike 0\.90/u);
    expect(plain[4]).toMatch(/^▀+ +▀+ +▀+ *$/u);
  });

  it.each([
    [80, 24],
    [200, 50],
  ])('leaves room for the images themselves where the terminal shows them, in %d×%d', (columns, rows) => {
    const ui = { page: 'samples', row: 2, sample: 0 } as const;
    // A terminal of sixteen colours may show sixels: xterm does.
    const asked = { found: judgement(3, 'done'), ui, colour: 1, size: [columns, rows], real: true } as const;
    const lines = shown(asked).map((line) => stripVTControlCharacters(line));
    const images = placedImages(propsOf(asked));
    expect(images?.images).toHaveLength(3);
    const { top = 0, rows: tall = 0 } = images ?? {};
    expect(lines[top - 1]).toContain('base model');
    expect(
      lines
        .slice(top, top + tall)
        .join('')
        .trim(),
    ).toBe('');
    expect(lines[top + tall + 1]).toContain('q: leave');
    for (const [i, { column, columns: wide }] of (images?.images ?? []).entries()) {
      expect(column + wide).toBeLessThanOrEqual(images?.images[i + 1]?.column ?? columns - 1);
      expect(lines[top - 1]?.slice(column)).toMatch(/^\S/u);
    }
    expect(placedImages(propsOf({ ...asked, ui: { page: 'table' } }))).toBeUndefined();
    expect(placedImages(propsOf({ ...asked, real: false }))).toBeUndefined();
  });

  it('names the files where no picture can be shown, and says what is not there', () => {
    const lines = shown({ found: judgement(3, 'done'), ui: { page: 'samples', row: 1, sample: 0 } }).join('\n');
    expect(lines).toContain('judge/near.png');
    expect(shown({ found: judgement(0, 'running'), ui: { page: 'samples' } }).join('\n')).toContain(
      'No row is done yet',
    );
  });
});

describe('its keys', () => {
  const room = { rows: 3, samples: 4 };
  const pressed = (...keys: string[]) =>
    keys.reduce<JudgeUi | 'leave'>((ui, key) => (ui === 'leave' ? ui : pressJudge(ui, key, room)), initialJudgeUi);

  it('walk checkpoints and prompts, and stay within them', () => {
    expect(pressed('right', 'right', 'right', 'left')).toMatchObject({ page: 'table', row: 1 });
    expect(pressed('p', 'right', 'down', 'down', 'up')).toEqual({ page: 'samples', row: 1, sample: 1 });
    expect(pressed('p', 'up', 'left')).toEqual({ page: 'samples', row: 0, sample: 0 });
    expect(pressed('down', 'x')).toMatchObject({ row: 1 });
  });

  it('leave, from the samples by way of the table where Escape is pressed', () => {
    expect(pressed('enter', 'escape')).toMatchObject({ page: 'table' });
    expect(['escape', 'q', 'd', 'ctrl-c'].map((key) => pressed(key))).toEqual(Array(4).fill('leave'));
  });
});
