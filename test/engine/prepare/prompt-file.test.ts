import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/base/errors.ts';
import { plannedSamples } from '../../../src/engine/plan/resolve.ts';
import { loadSpec } from '../../../src/engine/prepare/load.ts';
import { testRegistry as registry } from '../../helpers/registry.ts';

const dir = mkdtempSync(join(tmpdir(), 'prompt-file-'));
afterAll(() => rmSync(dir, { recursive: true }));
const run = join(dir, 'run.yaml');

function load(prompts: string, overrides: readonly string[] = []) {
  writeFileSync(run, `version: 1\ndataset: { path: foxes }\nmodel: { base: sd15 }\nsamples: { prompts: ${prompts} }\n`);
  return loadSpec(run, { registry, overrides }).spec;
}

function problem(prompts: string): string {
  try {
    load(prompts);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map(({ line, key, message }) => `${line} ${key} ${message}`).join('\n');
    throw error;
  }
  throw new Error('no problem was found');
}

const put = (name: string, text: string) => writeFileSync(join(dir, name), text);

// The function load_prompts of sd-scripts gives the same result for these three files.
const TXT = '# a comment\n\nzwx, a fox --n blurry --w 768 --h 512 --d 42 --s 20 --l 7.5\n  zwx in the snow  \n';
const TOML = `[prompt]
negative_prompt = "blurry"
width = 768
height = 512

[[prompt.subset]]
prompt = "zwx, a fox"
seed = 42
sample_steps = 20
scale = 7.5

[[prompt.subset]]
prompt = "zwx in the snow"
`;
const JSON_FILE = JSON.stringify([
  {
    prompt: 'zwx, a fox',
    negative_prompt: 'blurry',
    width: 768,
    height: 512,
    seed: 42,
    sample_steps: 20,
    scale: 7.5,
  },
  'zwx in the snow --l 5',
]);

describe('a file of prompts', () => {
  it.each([
    ['txt', TXT],
    ['toml', TOML],
    ['json', JSON_FILE],
  ])('in sd-scripts .%s gives each sample its own values', (end, text) => {
    put(`prompts.${end}`, text);
    const planned = plannedSamples(load(`prompts.${end}`));
    expect(planned.prompts).toEqual(['zwx, a fox', 'zwx in the snow']);
    const [first, second] = planned.shots ?? [];
    expect(first).toMatchObject({ negative: 'blurry', size: [768, 512], seed: 42, steps: 20, guidance: 7.5 });
    // Values in the group of a TOML file hold for all of its prompts.
    expect(second?.size).toEqual(end === 'toml' ? [768, 512] : [512, 512]);
    expect(second?.guidance === 5).toBe(end === 'json');
  });

  it('becomes the list itself, which a run keeps', () => {
    put('prompts.txt', TXT);
    expect(load('prompts.txt').samples.prompts[1]).toBe('zwx in the snow');
    expect(load('[a]', ['samples.prompts=prompts.txt']).samples.prompts).toHaveLength(2);
  });

  it.each([
    ['prompts.md', {}, 'must be a list of prompts, or a file of them: .txt, .toml or .json'],
    ['gone.txt', {}, 'gone.txt does not exist'],
    ['a.toml', { 'a.toml': 'x = 1' }, 'a.toml cannot be read as prompts: it has no [prompt]'],
    ['b.toml', { 'b.toml': '[prompt' }, 'b.toml cannot be read as prompts'],
    ['c.json', { 'c.json': '{"prompt": "a"}' }, 'it holds no list'],
    ['d.json', { 'd.json': '[{"prompt": "a"}, {"width": 8}]' }, 'prompt 2 has no text named prompt'],
    [
      'e.json',
      { 'e.json': '[{"prompt": "a", "controlnet_image": "x.png"}]' },
      'prompt 1 has 1 setting that means nothing here: controlnet_image. Take it out',
    ],
    ['f.txt', { 'f.txt': 'a --w 13' }, '--w takes a width in pixels, 64 to 4096, a multiple of 8; this is "13"'],
  ] as [string, Record<string, string>, string][])('says what is wrong with %s', (name, files, expected) => {
    for (const [file, text] of Object.entries(files)) put(file, text);
    expect(problem(name)).toMatch(/^4 samples\.prompts/u);
    expect(problem(name)).toContain(expected);
  });
});
