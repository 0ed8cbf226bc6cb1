import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { fillSpec } from '../../src/engine/prepare/fill.ts';
import { promptProblem, promptSyntax } from '../../src/spec/prompt-syntax.ts';
import { testRegistry } from '../helpers/registry.ts';

describe('marks of other programs', () => {
  it.each([
    [String.raw`fox \(animal\)`, [String.raw`\( \)`]],
    ['(red hair:1.3)', ['(word:1.2)']],
    ['(red hair: .5 )', ['(word:1.2)']],
    ['((smile))', ['((word))']],
    ['[[hat]]', ['[[word]]']],
    ['<lora:zwx:0.8>', ['<lora:…>']],
    ['a {red|blue} hat', ['{a|b}']],
    ['zwx ||| hat', ['|||']],
    ['zwx BREAK hat', ['BREAK']],
    ['zwx --w 512', ['--n --w …']],
    ['# zwx', ['#']],
    ['zwx (series)', []],
    ['saber (fate/stay night), :3, 10:30, (a: b)', []],
    ['#hashtag', []],
    ['a well--known fox, --', []],
    ['BREAKING', []],
  ])('%j holds %j', (text, names) => {
    expect(promptSyntax(text)).toEqual(names);
  });

  it.each(['(', '{|', '<lora:', '[[', '(a:', '(1:1', '\\', ' --', '(:0', '|'])(
    '%j many times is read at once',
    (part) => {
      expect(promptSyntax(part.repeat(65_536 / part.length)).length).toBeLessThan(5);
    },
  );
});

describe('a sample prompt as sd-scripts has it', () => {
  it.each([
    [
      'zwx, a toy --n blurry, low quality --w 128 --h 96 --d 42 --s 12 --l 7.5',
      'holds options of sd-scripts, which would be drawn as words: take them out and set for all samples ' +
        'samples.negative: "blurry, low quality", samples.seed: 42, samples.steps: 12, samples.guidance: 7.5; ' +
        'samples have the size of dataset.resolution',
    ],
    [
      'zwx --d 7',
      'holds options of sd-scripts, which would be drawn as words: take them out and set for all samples samples.seed: 7',
    ],
    ['zwx --am 0.8', 'holds options of sd-scripts, which would be drawn as words: take them out'],
    ['# zwx in the snow', 'is a comment: remove the line'],
    ['zwx, a well--known toy', undefined],
  ])('%s', (prompt, problem) => {
    expect(promptProblem(prompt)).toBe(problem);
  });

  it('is refused before anything starts, with its number', () => {
    const document = { dataset: { path: 'p' }, model: { base: 'sd15' }, samples: { prompts: ['zwx', 'zwx --s 3'] } };
    const fill = () => fillSpec(document, testRegistry);
    expect(fill).toThrow(ConfigError);
    try {
      fill();
    } catch (error) {
      expect((error as ConfigError).problems).toMatchObject([
        { key: 'samples.prompts', message: expect.stringContaining('prompt 2 holds options of sd-scripts') },
      ]);
    }
  });
});
