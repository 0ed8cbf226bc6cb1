/**
 * `visiontrain sample`: which images it draws and where they stand, which base it finds, and the whole command on the
 * demo.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import { askedFor } from '../../../src/cli/commands/sample/asked.ts';
import { requestFor } from '../../../src/cli/commands/sample/request.ts';
import type { Context } from '../../../src/cli/shell/context.ts';
import { type GridInput, sampleGrid } from '../../../src/engine/sample/grid.ts';
import { baseOfLoras } from '../../../src/engine/sample/ground.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { renderSamplePage } from '../../../src/report/sample-page.tsx';
import { cli } from '../../helpers/cli.ts';
import { safetensors } from '../../helpers/safetensors.ts';

const dir = mkdtempSync(join(tmpdir(), 'vt-sample-'));
const env: NodeJS.ProcessEnv = { ...process.env, VISIONTRAIN_HOME: join(dir, 'home') };
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const shot = (prompt: string, seed: number) => ({
  prompt,
  negative: '',
  steps: 2,
  guidance: 3,
  seed,
  size: [64, 64] as const,
  clip_skip: null,
});

const input = (changes: Partial<GridInput> = {}): GridInput => ({
  loras: [{ name: 'fox', strengths: [0.5, 1] }],
  steps: [null],
  prompts: [
    [shot('a', 1), shot('a', 2)],
    [shot('b', 1), shot('b', 2)],
  ],
  axes: [],
  ...changes,
});

describe('the grid', () => {
  it('has the strengths beside each other, and prompts with their seeds below', () => {
    const grid = sampleGrid(input());
    expect(grid.columns).toEqual(['fox × 0.5', 'fox × 1']);
    expect(grid.rows).toEqual(['a, seed 1', 'a, seed 2', 'b, seed 1', 'b, seed 2']);
    expect(grid.files[2]).toEqual(['fox-x0.5-p2-s1.png', 'fox-x1-p2-s1.png']);
    expect(grid.cells).toHaveLength(8);
    const [cell] = grid.cells.filter(({ file }) => file === 'fox-x1-p2-s1.png');
    expect(grid.looks[cell?.look ?? 9]).toEqual({ step: null, strengths: [1] });
    expect(grid.shots[cell?.shot ?? 9]).toMatchObject({ prompt: 'b', seed: 1 });
  });

  it('swaps its axes on request, and holds every image once', () => {
    const loras = [
      { name: 'fox', strengths: [0.5, 1] },
      { name: '狐/..', strengths: [0.4] },
    ];
    for (const axes of [['seed'], ['prompt', 'strength'], ['strength', 'seed'], ['step']] as const) {
      const grid = sampleGrid(input({ axes, loras }));
      const files = grid.files.flat();
      expect(new Set(files).size).toBe(8);
      expect(files.every((file) => /^[A-Za-z0-9][\w.+-]*\.png$/u.test(file))).toBe(true);
      expect(grid.columns).toHaveLength(axes[0] === 'step' ? 1 : 2);
    }
    expect(sampleGrid(input({ axes: ['seed'] })).columns).toEqual(['seed 1', 'seed 2']);
  });

  it('walks the checkpoints of a run', () => {
    const grid = sampleGrid(input({ loras: [{ name: 'fox', strengths: [1] }], steps: [400, 800] }));
    expect(grid.columns).toEqual(['step 400', 'step 800']);
    expect(grid.files[0]?.[1]).toBe('step-000800-x1-p1-s1.png');
  });

  it('refuses more images than anybody looks through', () => {
    const many = Array.from({ length: 600 }, (_, i) => [shot(`${i}`, 1)]);
    expect(() => sampleGrid(input({ prompts: many }))).toThrow('1200 samples; 1000 are the most');
  });
});

describe('the request', () => {
  it('is read from the options', () => {
    const lines = join(dir, 'prompts.txt');
    writeFileSync(lines, '\uFEFF# mine\r\na fox --w 96\r\n\r\na car\r\n');
    const asked = askedFor({
      lora: [`${dir}/fox.safetensors:0.5,1`, 'C.safetensors', 'ink.safetensors:-0.5:0.8'],
      prompts: lines,
      seed: '1,2',
      size: '96x64',
      grid: 'strength,seed',
    });
    expect(asked.loras.map(({ strengths }) => strengths)).toEqual([[0.5, 1], null, [-0.5, 0.8]]);
    expect(asked.prompts).toEqual(['a fox --w 96', 'a car']);
    expect(asked).toMatchObject({ size: [96, 64], seeds: [1, 2], axes: ['strength', 'seed'] });
  });

  it.each([
    [{ size: '100x64' }, '--size'],
    [{ seed: 'x' }, '--seed'],
    [{ steps: '0' }, '--steps'],
    [{ strength: '1,,2' }, '--strength'],
    [{ lora: ['fox.safetensors:99'] }, '--lora'],
    [{ grid: 'colour' }, '--grid'],
    [{ sampler: 'lms' }, '--sampler'],
    [{ prompt: ['a --w 7'] }, 'a width'],
    [{ prompt: ['a\nb'] }, '--prompt'],
  ])('%o is refused by the name of its option', (options, said) => {
    expect(() => askedFor(options)).toThrow(said);
  });
});

const K = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k';

/** A LoRA of rank 1 with inputs of a width. */
function lora(name: string, width: number, metadata: Readonly<Record<string, string>> = {}): string {
  const path = join(dir, `${name}.safetensors`);
  writeFileSync(
    path,
    safetensors({ [`${K}.lora_down.weight`]: [1, width], [`${K}.lora_up.weight`]: [8, 1] }, metadata),
  );
  return path;
}

describe('the base of a file', () => {
  const registry = loadRegistry({ configDir: join(dir, 'none') });
  const sdxl = registry.models.find(({ id }) => id === 'sdxl');
  const weights = sdxl?.files.find(({ role }) => role === 'weights');

  it('is the one whose hash or name the file holds', () => {
    expect(baseOfLoras([lora('hash', 2048, { ss_new_sd_model_hash: weights?.sha256 ?? '' })], registry)).toBe('sdxl');
    expect(baseOfLoras([lora('name', 2048, { ss_sd_model_name: 'sdxl' })], registry)).toBe('sdxl');
  });

  it('is asked for when the file names none, and must be the same for all files', () => {
    expect(() => baseOfLoras([lora('mute', 768)], registry)).toThrow('it does not say');
    expect(() => baseOfLoras([lora('mix', 768, { ss_sd_model_name: 'my mix' })], registry)).toThrow('my mix');
    expect(() => baseOfLoras([lora('one', 768), lora('two', 2048)], registry)).toThrow('different base models');
  });
});

describe('the command', () => {
  it('names what is missing, with what to type', async () => {
    const file = lora('told', 768);
    const none = join(dir, 'none.safetensors');
    const context = { places: places(env), env } as Context;
    const asked = { lora: [file], prompt: ['a'] };
    for (const [query, options, said] of [
      [undefined, {}, 'With what are pictures'],
      [undefined, { lora: [file] }, 'What is to be drawn'],
      [undefined, asked, 'it does not say'],
      [undefined, { ...asked, base: 'sdxl' }, 'another family'],
      [undefined, { ...asked, base: 'sd15' }, 'not all on this machine'],
      [undefined, { ...asked, base: 'mine' }, 'no base model here'],
      [undefined, { ...asked, lora: [none] }, 'is not there'],
      [undefined, { lora: [file], step: '4' }, 'a LoRA file has none'],
      ['fox', asked, 'cannot be drawn together'],
      ['nobody', {}, 'no run nobody'],
    ] as const)
      await expect(async () => requestFor(query, askedFor(options), context)).rejects.toThrow(said);
    const told = await cli(['sample', '--lora', file, '--prompt', 'a', '--base', 'sd15'], env);
    expect([told.code, told.stderr]).toEqual([2, expect.stringContaining('visiontrain models pull sd15')]);
  });

  it('makes a page that runs nothing of a prompt', () => {
    const sample = {
      file: 'a.png',
      done: true,
      step: null,
      strengths: [1],
      negative: '',
      seed: 1,
      steps: 2,
      guidance: 3,
    };
    const page = renderSamplePage(
      {
        ...{ version: 1, key: '', run: null, sampler: 'euler_a', spacing: 'normal', sheet: 's.png', page: 'p.html' },
        base: { name: 'sdxl', family: 'sdxl', sha256: null },
        loras: [{ name: '<b>fox', sha256: null }],
        ...{ columns: ['fox'], rows: ['<script>alert(1)</script>'], grid: [['a.png']] },
        samples: [{ ...sample, prompt: '<img src=x onerror=alert(1)>', size: [64, 64] }],
      },
      dir,
    );
    expect(page).not.toMatch(/<script>alert|<img src=x|<b>fox/u);
    expect(page).toContain('not drawn');
  });

  it.skipIf(process.env.VISIONTRAIN_TEST_PYTHON === undefined)(
    'draws on the embedded model, goes on where it was stopped, and replaces nothing',
    { timeout: 600_000 },
    async () => {
      const python = { ...env, VISIONTRAIN_PYTHON: process.env.VISIONTRAIN_TEST_PYTHON };
      const file = join(dir, 'zero.safetensors');
      const name = 'lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q';
      const side = 128;
      writeFileSync(
        file,
        safetensors({ [`${name}.lora_down.weight`]: [1, side], [`${name}.lora_up.weight`]: [side, 1] }, {}),
      );
      const args = [
        'sample',
        '--lora',
        `${file}:0.5`,
        '--prompt',
        'a fish',
        '--base',
        'tiny',
        '--steps',
        '2',
        '--size',
        '64',
      ];
      const to = join(dir, 'drawn');
      const told = await cli([...args, '--seed', '1,2', '-o', to, '--json'], python);
      expect(told).toMatchObject({ code: 0 });
      const list = JSON.parse(told.stdout);
      expect(list.samples.map(({ done }: { done: boolean }) => done)).toEqual([true, true]);
      expect(readdirSync(to).sort()).toEqual(
        ['index.html', 'sample.json', 'sheet.png', 'zero-x0.5-p1-s1.png', 'zero-x0.5-p1-s2.png'].sort(),
      );
      const before = readFileSync(join(to, 'zero-x0.5-p1-s2.png'));
      expect(before.toString('latin1')).toContain('a fish <lora:zero:0.5>');
      expect(readFileSync(join(to, 'sample.json'), 'utf8')).not.toContain(dir);
      rmSync(join(to, 'zero-x0.5-p1-s2.png'));
      expect((await cli([...args, '--seed', '1,2', '-o', to], python)).code).toBe(0);
      expect(readFileSync(join(to, 'zero-x0.5-p1-s2.png')).equals(before)).toBe(true);
      const other = await cli([...args, '--seed', '3', '-o', to], python);
      expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('is not empty')]);
      expect(existsSync(join(to, 'zero-x0.5-s3.png'))).toBe(false);
    },
  );
});
