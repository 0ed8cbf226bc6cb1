import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/base/errors.ts';
import { loadSpec } from '../../../src/engine/prepare/load.ts';
import { testRegistry as registry } from '../../helpers/registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'vt-traps-'));
const file = join(folder, 'run.yaml');
const START = 'version: 1\ndataset: {path: ./pics}\nmodel: {base: sd15}\n';

function told(text: string, overrides: string[] = []): readonly string[] {
  writeFileSync(file, text);
  try {
    loadSpec(file, { registry, overrides });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ line, key, message }) => `${line ?? ''} ${key} ${message}`);
  }
}

const withDataset = (line: string) => `version: 1\ndataset:\n  path: ./pics\n${line}\nmodel: {base: sd15}\n`;
const LINE = 'must be one line of text, at most';
const NAME = 'must be text;';

describe('a value that YAML reads as another type is answered with what to write', () => {
  it.each([
    ['an empty key', withDataset('  trigger:'), [`4 dataset.trigger is empty: write '' or remove the line`]],
    [
      'a text that is a comment',
      withDataset('  trigger: #zwx'),
      [
        `4 dataset.trigger is empty: write '' or remove the line (what stands behind a # is a comment: put text that holds one in quotes)`,
      ],
    ],
    [
      'an empty folder',
      'version: 1\ndataset: {path: }\nmodel: {base: sd15}\n',
      ['2 dataset.path is empty: folder with the pictures'],
    ],
    ['an empty number', `${START}training:\n  rank:\n`, ['5 training.rank is empty: write a value or remove the line']],
    [
      'an empty item',
      `${START}samples:\n  prompts:\n    -\n`,
      ['5 samples.prompts.0 is empty: write a value or remove the line'],
    ],
    [
      'a number as a trigger',
      withDataset('  trigger: 2077'),
      [`4 dataset.trigger ${LINE} 200 characters; YAML reads this as the number 2077: put it in quotes`],
    ],
    [
      'yes as a trigger',
      withDataset('  trigger: true'),
      [`4 dataset.trigger ${LINE} 200 characters; YAML reads this as true: put it in quotes`],
    ],
    [
      'a number with zeros as a name',
      `${START}name: 007\n`,
      [`4 name ${NAME} YAML reads this as the number 7: put it in quotes`],
    ],
    [
      'an exponent as a name',
      `${START}name: 12e4\n`,
      [`4 name ${NAME} YAML reads this as the number 120000: put it in quotes`],
    ],
    [
      'a text with a colon in a list',
      `${START}samples:\n  prompts:\n    - zwx: a toy\n    - 1girl\n    - 42\n`,
      [
        `6 samples.prompts.0 ${LINE} 2000 characters; YAML reads "zwx: …" as a setting with a value: put the text in quotes`,
        `8 samples.prompts.2 ${LINE} 2000 characters; YAML reads this as the number 42: put it in quotes`,
      ],
    ],
    [
      'a text in brackets',
      `${START}samples:\n  prompts:\n    - [trigger]\n`,
      [`6 samples.prompts.0 ${LINE} 2000 characters; YAML reads [ ] as a list: put the text in quotes`],
    ],
    [
      'one prompt',
      `${START}samples:\n  prompts: a zwx toy\n`,
      ['5 samples.prompts must be a list of lines of text; this is "a zwx toy": write [a zwx toy]'],
    ],
    [
      'one prompt with a comma',
      `${START}samples:\n  prompts: zwx, a toy\n`,
      ['5 samples.prompts must be a list of lines of text; this is "zwx, a toy": write ["zwx, a toy"]'],
    ],
    [
      'other names of number formats',
      `${START}output: {precision: float16}\nresources: {device: gpu, precision: bfloat16}\n`,
      [
        '4 output.precision must be fp32, bf16 or fp16; this is "float16": write fp16',
        '5 resources.device must be auto, cpu, mps, cuda or cuda:N; this is "gpu": write cuda',
        '5 resources.precision must be fp32, bf16 or fp16; this is "bfloat16": write bf16',
      ],
    ],
    [
      'numbers that are text',
      `${START}training:\n  learning_rate: "1e-4"\n  steps: 1,000\n  alpha: 0,5\n  batch_size: 2.5\n`,
      [
        '5 training.learning_rate must be a number, above 0 to 10; this is text: remove the quotes',
        '6 training.steps must be a whole number, 1 to 10000000, or a text such as 10 epochs; this is "1,000": write 1000',
        '7 training.alpha must be a number, above 0 to 4096; this is "0,5": write 0.5',
        '8 training.batch_size must be a whole number, 1 to 1024; this is 2.5',
      ],
    ],
    [
      'a seed of other programs',
      `${START}training: {seed: -1}\nsamples: {seed: -1}\n`,
      [
        '4 training.seed must be a whole number, 0 to 4294967295; this is -1, which does not mean "random" here: write any number',
        '5 samples.seed must be a whole number, 0 to 4294967295; this is -1, which does not mean "random" here: write any number',
      ],
    ],
    [
      'checkpointing as a switch',
      `${START}resources: {gradient_checkpointing: true}\n`,
      ['4 resources.gradient_checkpointing must be none, selective or full; this is true: write full'],
    ],
    [
      'no weighting as 0',
      `${START}training: {min_snr_gamma: 0}\n`,
      ['4 training.min_snr_gamma must be a number, above 0 to 100, or null; this is 0: write null'],
    ],
    [
      'an ending without its dot',
      withDataset('  caption_extension: caption'),
      ['4 dataset.caption_extension must look like .txt; this is "caption": write .caption'],
    ],
    [
      'two sides',
      withDataset('  resolution: 512,768'),
      [
        '4 dataset.resolution must be a whole number, 64 to 4096, or a list of whole number, 64 to 4096; this is "512,768": write 624',
      ],
    ],
  ])('%s', (_name, text, messages) => {
    expect(told(text)).toEqual(messages);
  });

  it.each([
    ['  trigger: no', 'no'],
    ['  trigger: 1girl', '1girl'],
    ["  trigger: ''", ''],
  ])('%s is text', (line, trigger) => {
    writeFileSync(file, withDataset(line));
    expect(loadSpec(file, { registry }).spec.dataset.trigger).toBe(trigger);
  });

  it('an empty VAE means no VAE, and a date is a name', () => {
    expect(told('version: 1\nname: 2026-11-29\ndataset: {path: ./pics}\nmodel: {base: sd15, vae: }\n')).toEqual([]);
  });
});

describe('text that is invalid YAML because of a character is answered with what to write', () => {
  it.each([
    ['[trigger] a toy on a table', 'put text that starts with [ in quotes'],
    ['{zwx} toy', 'put text that starts with { in quotes'],
    ['*zwx*', 'in quotes if it is text'],
    ['*zwx* toy', 'put text that starts with * in quotes'],
    ['&zwx toy', 'in quotes if it is text'],
    ['!zwx toy', 'in quotes if it is text'],
    ['@zwx', 'put text that starts with @ in quotes'],
    ['%zwx', 'put text that starts with % in quotes'],
    ['`zwx`', 'put text that starts with ` in quotes'],
    ['> zwx', 'put text that starts with > in quotes'],
    ['zwx: a toy', 'put text that holds ": " in quotes'],
    [String.raw`"C:\Users\me"`, String.raw`a \ in double quotes begins a special letter: use single quotes '…'`],
    ['"zwx" toy', 'put the whole text in quotes'],
    ["'it's'", "inside single quotes write '' for one, and quote the whole text"],
  ])('trigger: %s', (value, hint) => {
    const [first = '', ...more] = told(withDataset(`  trigger: ${value}`));
    expect(more).toEqual([]);
    expect(first).toMatch(/^4 /);
    expect(first).toContain(hint);
  });

  it('gives no such advice for other mistakes', () => {
    expect(told(`${START}samples:\n  prompts: [a, b\n`)[0]).not.toContain('in quotes');
    expect(told(`${START}training:\n rank: 1\n  alpha: 1\n`)[0]).not.toContain('in quotes');
  });
});

it('a prompt of 2000 letters and a run name of 100 are taken, and one more is refused', () => {
  const yaml = (prompt: number, name: number) =>
    `${START}name: ${'n'.repeat(name)}\nsamples: {prompts: ['${'x'.repeat(prompt)}']}\n`;
  expect(told(yaml(2000, 100))).toEqual([]);
  expect(told(yaml(2001, 100))).toEqual([expect.stringContaining('samples.prompts')]);
  expect(told(yaml(2000, 101))).toEqual([expect.stringContaining('100 at most')]);
});

it.each([
  ['dataset: ./pics\nmodel: {base: sd15}', '2 dataset', 'this is "./pics": write {path: ./pics}'],
  ['dataset: {path: ./pics}\nmodel: tiny', '3 model', 'this is "tiny": write {base: tiny}'],
  ['dataset: {path: ./pics}\nmodel: {base: sd15}\ntraining: 100', '4 training', 'this is 100'],
  ['dataset: {path: ./pics}\nmodel: {base: sd15}\nsamples: []', '4 samples', 'this is a list of 0'],
])('a section that is none: %j', (text, place, answer) => {
  const must = 'must be settings, each with its name (visiontrain schema lists them); ';
  expect(told(`version: 1\n${text}\n`)).toEqual([`${place} ${must}${answer}`]);
});
