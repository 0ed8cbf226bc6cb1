import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { plannedSamples } from '../../src/engine/plan/resolve.ts';
import { fillSpec } from '../../src/engine/prepare/fill.ts';
import { readPromptLine } from '../../src/spec/prompt-flags.ts';
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
  ])('%j contains %j', (text, names) => {
    expect(promptSyntax(text)).toEqual(names);
  });

  it.each(['(', '{|', '<lora:', '[[', '(a:', '(1:1', '\\', ' --', '(:0', '|'])(
    '%j many times is read at once',
    (part) => {
      expect(promptSyntax(part.repeat(65_536 / part.length)).length).toBeLessThan(5);
    },
  );
});

describe('a sample prompt in the syntax of sd-scripts', () => {
  it('is read with its options', () => {
    const text = 'zwx, a toy --n blurry, low quality --w 128 --h 96 --d 42 --s 12 --l 7.5 --am 0.8 --cs 2';
    expect(readPromptLine(text)).toEqual({
      line: {
        prompt: 'zwx, a toy',
        negative: 'blurry, low quality',
        width: 128,
        height: 96,
        seed: 42,
        steps: 12,
        guidance: 7.5,
        strength: 0.8,
        clip_skip: 2,
      },
      problems: [],
    });
  });

  it.each([
    ['zwx --w 100', '--w takes a width in pixels, 64 to 4096, a multiple of 8; this is "100"'],
    ['zwx --d -1', '--d takes a seed, 0 to 4294967295; this is "-1"'],
    ['zwx --s', '--s takes steps, 1 to 500; this is ""'],
    ['zwx --d 1 --d 2', '--d is given twice: take one out'],
    ['zwx --ss euler_a', '--ss is not for these models: take it out, and set samples.sampler for all samples'],
    ['# zwx in the snow', 'is a comment: remove the line'],
    ['zwx, a well--known toy', undefined],
    [' zwx  ', undefined],
  ])('%s', (prompt, problem) => {
    expect(promptProblem(prompt)).toBe(problem);
  });

  it('becomes a sample of its own among others', () => {
    const document = {
      dataset: { path: 'p' },
      model: { base: 'sd15' },
      samples: { prompts: ['zwx', 'zwx --d 7 --w 256'], seed: 3, sampler: 'euler_a', negative: 'blurry' },
    };
    const { spec } = fillSpec(document, testRegistry);
    const { prompts, shots } = plannedSamples(spec);
    expect(prompts).toEqual(['zwx', 'zwx']);
    const side = spec.dataset.resolution;
    expect(shots?.map(({ seed, size, negative, strength }) => [seed, size, negative, strength])).toEqual([
      [3, [side, side], 'blurry', 1],
      [7, [256, side], 'blurry', 1],
    ]);
    expect(plannedSamples({ ...spec, samples: { ...spec.samples, prompts: ['zwx'] } }).shots).toBeNull();
  });

  it('is refused before anything starts, with its number', () => {
    const document = { dataset: { path: 'p' }, model: { base: 'sd15' }, samples: { prompts: ['zwx', 'zwx --s x'] } };
    const fill = () => fillSpec(document, testRegistry);
    expect(fill).toThrow(ConfigError);
    try {
      fill();
    } catch (error) {
      expect((error as ConfigError).problems).toMatchObject([
        { key: 'samples.prompts', message: expect.stringContaining('prompt 2 --s takes steps, 1 to 500') },
      ]);
    }
  });
});
