import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, type Problem } from '../../../src/base/errors.ts';
import { loadSpec } from '../../../src/engine/prepare/load.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { testRegistry as registry } from '../../helpers/registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'vt-load-'));
const file = join(folder, 'run.yaml');
const MINIMAL = 'version: 1\ndataset:\n  path: my foxes\nmodel:\n  base: sd15\n';

function load(text: string | Uint8Array, overrides: string[] = []) {
  writeFileSync(file, text);
  return loadSpec(file, { registry, overrides });
}

function problems(text: string | Uint8Array, overrides: string[] = []): readonly Problem[] {
  writeFileSync(file, text);
  return problemsOf(file, overrides);
}

function problemsOf(path: string, overrides: string[]): readonly Problem[] {
  return errorOf(path, overrides).problems;
}

function errorOf(path: string, overrides: string[] = []): ConfigError {
  try {
    loadSpec(path, { registry, overrides });
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('no problem was found');
}

const lines = (found: readonly Problem[]) =>
  found.map(({ line, column, key, message }) => `${line}:${column} ${key} ${message}`);

describe('a file of three keys', () => {
  it('is filled by the recipe, the model and the defaults', () => {
    const { spec, provenance, dir } = load(MINIMAL);
    expect(spec).toMatchObject({
      name: 'my-foxes',
      dataset: { goal: 'concept', resolution: 512, repeats: 1 },
      model: { family: 'sd15', prediction: 'epsilon', clip_skip: 1 },
      training: { rank: 16, learning_rate: 1e-4, optimizer: 'adamw' },
      samples: { negative: 'blurry' },
    });
    expect(dir).toBe(folder);
    expect(provenance).toMatchObject({ 'dataset.path': 'you', 'training.rank': 'preset', 'dataset.repeats': 'preset' });
  });

  it('uses the recipe of its goal', () => {
    expect(load(MINIMAL.replace('path: my foxes', 'path: x\n  goal: character')).spec.training.rank).toBe(32);
  });

  it('shortens the recipe’s warm-up for a run shorter than that, and not one of its own', () => {
    const real = loadRegistry({ configDir: folder });
    writeFileSync(file, MINIMAL.replace('base: sd15', 'base: tiny'));
    const { spec, provenance } = loadSpec(file, { registry: real, overrides: ['training.steps=10'] });
    expect([spec.training.steps, spec.training.warmup, provenance['training.warmup']]).toEqual([10, 1, 'preset']);
    const own = () => loadSpec(file, { registry: real, overrides: ['training.steps=10', 'training.warmup=20'] });
    expect(own).toThrow(ConfigError);
  });

  it('refuses a VAE of another family', () => {
    const real = loadRegistry({ configDir: folder });
    writeFileSync(file, MINIMAL);
    expect(() => loadSpec(file, { registry: real, overrides: ['model.vae=sdxl-vae-fp16-fix'] })).toThrow(ConfigError);
    const sdxl = ['model.base=sdxl', 'model.vae=sdxl-vae-fp16-fix'];
    expect(loadSpec(file, { registry: real, overrides: sdxl }).spec.model.vae).toBe('sdxl-vae-fp16-fix');
  });

  it('takes an empty section for one with nothing in it', () => {
    expect(load(`${MINIMAL}training:\n`).spec.training.rank).toBe(16);
  });

  it('may have a byte order mark and Windows line ends', () => {
    expect(load(`\ufeff${MINIMAL.replaceAll('\n', '\r\n')}`).spec.name).toBe('my-foxes');
  });
});

describe('who chose a value', () => {
  it('believes the comment while the value is still the preset', () => {
    const kept = load(`${MINIMAL}training:\n  rank: 16  # preset\n`).provenance;
    const changed = load(`${MINIMAL}training:\n  rank: 17  # preset\n`).provenance;
    expect([kept['training.rank'], changed['training.rank']]).toEqual(['preset', 'you']);
  });

  it('believes `detected`, and counts --set as yours', () => {
    const text = `${MINIMAL}resources:\n  precision: fp16  # detected\n`;
    expect(load(text).provenance['resources.precision']).toBe('detected');
    expect(load(text, ['resources.precision=fp16']).provenance['resources.precision']).toBe('you');
  });

  it('reads the comment of a line once, behind everything that stands in it', () => {
    const text = `${MINIMAL}training: {rank: 17, alpha: 8}  # you\nsamples: {guidance: 7, negative: "b # you"}\n`;
    const { provenance } = load(text);
    expect([provenance['training.rank'], provenance['training.alpha']]).toEqual(['you', 'you']);
    const detected = load(`${MINIMAL}resources: {precision: fp16, device: cpu}  # detected\n`).provenance;
    expect([detected['resources.precision'], detected['resources.device']]).toEqual(['detected', 'detected']);
    const inside = load(`${MINIMAL}samples: {guidance: 7, negative: "b # detected"}\n`).provenance;
    expect(inside['samples.guidance']).toBe('you');
  });

  it('is not fooled by a value that looks like a comment', () => {
    const text = `${MINIMAL}samples:\n  prompts: ["a # preset"]\n  negative: "b # detected"\n`;
    const { provenance } = load(text);
    expect([provenance['samples.prompts'], provenance['samples.negative']]).toEqual(['you', 'you']);
  });
});

describe('problems', () => {
  it('are all reported at once, each with line, column and the nearest valid word', () => {
    const text = [
      'version: 1',
      'dataset:',
      '  path: x',
      '  goal: charcter',
      '  reptas: 3',
      'model:',
      '  base: sdlx',
      'training:',
      '  learning_rat: 1',
      '  rank: "16x"',
      '  alpha: "8"',
      '  betas: [0.9, 1]',
      'resources:',
      '  tf32: yes',
      '  device: gpu',
      'rank: 3',
      '__proto__: {a: 1}',
      'samples:',
      '  prompts: [a, 3]',
    ].join('\n');
    expect(lines(problems(text))).toEqual([
      '4:9 dataset.goal must be character, style or concept; this is "charcter"; did you mean character?',
      '5:3 dataset.reptas no such setting; did you mean repeats?',
      '7:9 model.base no such model here or in visiontrain models list; did you mean sdxl?',
      '9:3 training.learning_rat no such setting; did you mean learning_rate?',
      '10:9 training.rank must be a whole number, 1 to 1024; this is "16x"',
      '11:10 training.alpha must be a number, above 0 to 4096; this is text: remove the quotes',
      '12:16 training.betas.1 must be a number, 0 to below 1; this is 1',
      '14:9 resources.tf32 must be true or false; write true, not "yes"',
      '15:11 resources.device must be auto, cpu, mps, cuda or cuda:N; this is "gpu": write cuda',
      '16:1 rank no such setting here: training.rank?',
      '17:1 __proto__ no such setting; there are version, name, dataset, captions, model, training, validation, samples, output, resources, logging and hooks',
      '19:16 samples.prompts.1 must be one line of text, at most 2000 characters; YAML reads this as the number 3: put it in quotes',
    ]);
  });

  it.each([
    ['model.prediction: v_prediction', 'this model predicts epsilon (SD 1.5): remove the line'],
    ['model.family: sdxl', 'this model is sd15 (SD 1.5): remove the line'],
    ['training.warmup: 5000', 'must be fewer than the 1600 steps of the run, such as 160'],
    ['training.text_encoder_learning_rate: [1.0e-5, 0]', 'SD1.5 has one text encoder: write one number'],
    ['training.init_lora: old.ckpt', 'must be a .safetensors file (other formats can run code when opened)'],
    ['dataset.resolution: 500', 'must be a multiple of 8, such as 504'],
    ['dataset.bucket_min: 576', 'must not be above resolution (512)'],
    ['dataset.bucket_max: 448', 'must not be below resolution (512)'],
    ['dataset.bucket_max: 1000', 'must be a multiple of bucket_step, such as 960'],
    ['model.base: sdxl-vae-fp16-fix', 'no such model here or in visiontrain models list'],
  ])('%s does not fit', (setting, message) => {
    const [key = '', value = ''] = setting.split(': ');
    expect(problems(MINIMAL, [`${key}=${value}`])).toEqual([{ file: `--set ${key}=${value}`, key, message }]);
  });

  it.each([
    [
      'bucket_max',
      ['dataset.resolution=1040', 'dataset.bucket_step=256', 'dataset.bucket_min=256', 'dataset.bucket_max=1050'],
    ],
    [
      'bucket_min',
      ['dataset.resolution=512', 'dataset.bucket_step=48', 'dataset.bucket_min=64', 'dataset.bucket_max=960'],
    ],
    [
      'bucket_min',
      ['dataset.resolution=512', 'dataset.bucket_step=96', 'dataset.bucket_min=510', 'dataset.bucket_max=960'],
    ],
  ])('what is advised for %s is accepted', (key, overrides) => {
    const [found] = problems(MINIMAL, overrides);
    const near = /such as (\d+)$/u.exec(found?.message ?? '')?.[1];
    expect(found?.key).toBe(`dataset.${key}`);
    expect(() => problems(MINIMAL, [...overrides, `dataset.${key}=${near}`])).toThrow('no problem was found');
  });

  it('refuse a schedule, a norm cap, a moving average and a first beta of 0 with schedule-free AdamW', () => {
    const free = ['training.optimizer=adamw_schedulefree', 'training.schedule=constant'];
    expect(() => problems(MINIMAL, free)).toThrow('no problem was found');
    const cases = [
      ['training.schedule=cosine', /^is cosine, but adamw_schedulefree averages its steps .*: write constant$/u],
      ['training.max_weight_norm=1', /averaged already: write null$/u],
      ['training.ema={decay: 0.99}', /^would average what adamw_schedulefree has averaged already: write null$/u],
      ['training.betas=[0, 0.999]', /^has 0 first, .*: write \[0.9, 0.999\]$/u],
    ] as const;
    for (const [setting, message] of cases)
      expect(problems(MINIMAL, [...free, setting]).map((p) => p.message)).toEqual([expect.stringMatching(message)]);
  });

  it('refuse for schedule-free Prodigy what they refuse for both of its halves', () => {
    const free = ['training.optimizer=prodigy_schedulefree', 'training.schedule=constant', 'training.learning_rate=1'];
    const text = 'training.text_encoder_learning_rate=0.5';
    expect(() => problems(MINIMAL, [...free, text, 'training.optimizer_args={schedulefree_c: 50}'])).toThrow(
      'no problem was found',
    );
    const cases = [
      ['training.schedule=rex', /^is rex, but prodigy_schedulefree averages its steps .*: write constant$/u],
      ['training.learning_rate=0.0001', /^is a rate for other optimizers: prodigy_schedulefree finds .* Write 1$/u],
      ['training.lora_plus_ratio=4', /^gives weights different rates, and prodigy_schedulefree has one/u],
      ['training.betas=[0, 0.99]', /^has 0 first, .*: write \[0.9, 0.99\]$/u],
      ['training.optimizer_args={growth_rate: 2}', /^has growth_rate, which prodigy_schedulefree does not take/u],
    ] as const;
    for (const [setting, message] of cases)
      expect(problems(MINIMAL, [...free, setting]).map((p) => p.message)).toEqual([expect.stringMatching(message)]);
  });

  it('refuse Prodigy with rates that it cannot have', () => {
    const prodigy = ['training.optimizer=prodigy', 'training.learning_rate=1'];
    const asked = (rate: string) =>
      problems(MINIMAL, [...prodigy, `training.text_encoder_learning_rate=${rate}`]).map((p) => p.message);
    for (const fine of ['0', '1']) expect(() => asked(fine)).toThrow('no problem was found');
    expect(asked('0.5')).toEqual([
      'prodigy has one rate for all that learns: write the same as learning_rate (1 is usual), or 0 to leave the text encoder as it is',
    ]);
  });

  it.each([
    ['model.clip_skip=2', 'is for SD1.5 only (SDXL always reads one fixed layer): write 1'],
    [
      'resources.vae_precision=fp16',
      'the VAE of SDXL overflows in fp16: write fp32, or set model.vae: sdxl-vae-fp16-fix',
    ],
    [
      'model.zero_terminal_snr=true',
      'needs prediction: v_prediction (with epsilon the last timestep teaches nothing): write false',
    ],
  ])('%s does not fit SDXL', (flag, message) => {
    expect(problems(MINIMAL.replace('sd15', 'sdxl'), [flag]).map((p) => p.message)).toEqual([message]);
  });

  it.each([
    [
      'validation.every=30m',
      'needs validations at the same steps in each run: set validation.every, such as "1 epoch"',
    ],
    [
      'dataset.validation_share=0',
      'needs pictures to measure on: set dataset.validation_share, such as 0.1, or validation.path',
    ],
  ])('patience with %s does not fit', (flag, message) => {
    expect(problems(MINIMAL, ['validation.patience=5', flag]).map((p) => p.message)).toEqual([message]);
  });

  it('name the missing keys', () => {
    expect(lines(problems('version: 1\n'))).toEqual([
      '1:1 dataset.path is missing: folder with the pictures',
      '1:1 model.base is missing: base model',
    ]);
  });

  it.each([
    ['--set without =', ['training.rank'], 'write it as key=value, such as training.rank=32'],
    ['an unknown key', ['training.rnk=3'], 'no such setting; did you mean rank?'],
    ['a key without its section', ['rank=3'], 'no such setting here: training.rank?'],
    ['a section', ['training=3'], 'is a group of settings: name one of them, such as training.seed'],
    ['broken YAML', ['training.rank=['], 'not valid YAML: unexpected end of the stream within a flow collection'],
  ])('name the flag: %s', (_case, overrides, message) => {
    expect(problems(MINIMAL, overrides)).toMatchObject([{ file: `--set ${overrides[0]}`, message }]);
  });
});

describe('--set', () => {
  it('lays YAML values over the file', () => {
    const { spec } = load(MINIMAL, [
      'training.rank=32',
      'samples.prompts=["a, b", c]',
      'model.vae=null',
      'dataset.trigger=',
      'training.warmup=0.1',
      'name=x=y'.replace('=y', '-y'),
    ]);
    expect(spec.training).toMatchObject({ rank: 32, warmup: 0.1 });
    expect(spec.samples.prompts).toEqual(['a, b', 'c']);
    expect([spec.model.vae, spec.dataset.trigger, spec.name]).toEqual([null, '', 'x-y']);
  });
});

describe('versions', () => {
  it.each([
    ['dataset: {path: x}\nmodel: {base: sd15}\n', 'version is missing: start the file with version: 1'],
    ['version: 2\nfoo: 1\n', 'version this file is of version 2, made by a newer visiontrain'],
    ['version: "1"\ndataset: {path: x}\nmodel: {base: sd15}\n', 'version must be the number 1'],
    ['version: 0\ndataset: {path: x}\nmodel: {base: sd15}\n', 'version must be the number 1'],
  ])('%s', (text, message) => {
    const found = problems(text);
    expect(found).toHaveLength(1);
    expect(`${found[0]?.key} ${found[0]?.message}`).toContain(message);
  });
});

describe('malformed and hostile files get a sentence', () => {
  const bomb = ['a: &a [x, x]', ...Array.from({ length: 30 }, (_, i) => `b${i}: &b${i} [*a, *a]`)].join('\n');
  const cases: [string, string | Uint8Array, RegExp][] = [
    ['empty', '', /is empty/],
    ['only a comment', '# nothing\n', /is empty/],
    ['a list', '- a\n- b\n', /holds no settings/],
    ['a word', 'hello\n', /holds no settings/],
    ['duplicate keys', `${MINIMAL}name: a\nname: b\n`, /here twice/],
    ['duplicate sections', `${MINIMAL}dataset:\n  path: y\n`, /here twice/],
    ['an alias bomb', bomb, /aliases \(\*name\) are not used here/],
    ['a tag', `${MINIMAL}name: !!js/function "x"\n`, /tags \(!name\) are not used here/],
    ['a merge key', `${MINIMAL}<<: {name: x}\n`, /no such setting/],
    ['two documents', `${MINIMAL}---\n${MINIMAL}`, /only one document/],
    ['a list as a key', `${MINIMAL}? [a]\n: 1\n`, /a key must be a plain word/],
    ['UTF-16 with a mark', Buffer.from(`\ufeff${MINIMAL}`, 'utf16le'), /UTF-16/],
    ['UTF-16 without one', Buffer.from(MINIMAL, 'utf16le'), /UTF-16/],
    ['Latin-1', Buffer.from(MINIMAL.replace('foxes', 'f\u00fcchse'), 'latin1'), /not UTF-8/],
    ['zero bytes', Buffer.from(`${MINIMAL}name: a\0b\n`), /zero bytes/],
    ['control characters', `${MINIMAL}name: "a\u0007b"\n`, /not valid YAML/],
    ['an escaped control character', `${MINIMAL}samples:\n  negative: "a\\u001b[31m"\n`, /one line without control/],
    ['deep nesting', `${MINIMAL}name: ${'['.repeat(5000)}`, /not valid YAML/],
    ['tabs', 'version: 1\n\tdataset: x\n', /not valid YAML/],
    ['an open quote', `${MINIMAL}name: "a\n`, /not valid YAML/],
    ['over 1 MiB', `${MINIMAL}#${'x'.repeat(1024 * 1024)}`, /MiB/],
    ['not a number', `${MINIMAL}training:\n  learning_rate: .nan\n`, /must be a number/],
    ['infinity', `${MINIMAL}training:\n  learning_rate: .inf\n`, /must be a number/],
    [
      'prototype pollution',
      `${MINIMAL}training:\n  __proto__: {rank: 3}\n  constructor: {prototype: 1}\n`,
      /no such setting/,
    ],
  ];
  it.each(cases)('%s', (_name, text, message) => {
    const found = problems(text);
    expect(found.map((p) => p.message).join('\n')).toMatch(message);
    for (const problem of found) expect(problem.message).not.toMatch(/\n\s+at |node_modules|TypeError/);
    expect(({} as Record<string, unknown>).rank).toBeUndefined();
  });

  const many = (count: number, line: (i: number) => string, between = ', ') =>
    Array.from({ length: count }, (_, i) => line(i)).join(between);
  it.each([
    ['unknown keys', `${MINIMAL}${many(70_000, (i) => `zwx${i}: 1`, '\n')}`, 70_000],
    ['unknown keys of one group', `${MINIMAL}training: {${many(60_000, (i) => `lear${i}: 1`)}}`, 60_000],
    ['prompts in one line', `${MINIMAL}samples: {prompts: [${many(200_000, () => 'a')}]}`, 1],
    ['marks of comments in one line', `${MINIMAL}samples: {prompts: [${many(90_000, () => '"a # b"')}]}`, 1],
    ['items of the wrong type', `${MINIMAL}samples: {prompts: [${many(200_000, () => '1')}]}`, 1],
    ['keys that are there twice', `${MINIMAL}${many(100_000, () => 'k: 1', '\n')}`, 99_999],
  ])('a whole MiB of %s is judged at once, and no more is shown than can be read', (_name, text, count) => {
    writeFileSync(file, text);
    const { message, problems: shown, details } = errorOf(file);
    expect(message).toContain(count === 1 ? '1 problem;' : `${count} problems;`);
    expect(shown).toHaveLength(Math.min(50, count));
    expect(details).toEqual(count > 50 ? [`and ${count - 50} more`] : []);
  });

  it('a key as long as the file is shown in part', () => {
    const [found] = problems(`${MINIMAL}${'a'.repeat(500_000)}: 1\n`);
    expect(found?.key).toHaveLength(100);
  });

  it('names the line of a bad byte', () => {
    const text = Buffer.from(MINIMAL.replace('my foxes', 'f\u00fcchse'), 'latin1');
    expect(problems(text)[0]).toMatchObject({ line: 3 });
  });

  it('throws no error but a ConfigError', () => {
    const chunk = fc.constantFrom(
      ...'abc:-[]{}#&*!|>"\'\n\t %@`,?\\0~\u00e9\u2028',
      'version: 1',
      '\n  ',
      '- ',
      'training:',
      '<<',
      '---',
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 40 }), fc.boolean(), (parts, prefixed) => {
        writeFileSync(file, (prefixed ? MINIMAL : '') + parts.join(''));
        try {
          loadSpec(file, { registry });
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('files that cannot be read', () => {
  it.each([
    ['no file', () => join(folder, 'missing.yaml'), /does not exist/],
    ['a folder', () => folder, /is a folder/],
    [
      'a link to itself',
      () => {
        symlinkSync('loop.yaml', join(folder, 'loop.yaml'));
        return join(folder, 'loop.yaml');
      },
      /leads to itself/,
    ],
    ['a device that never ends', () => '/dev/zero', /not a regular file/],
    [
      'a pipe that nobody writes to',
      () => {
        const path = join(folder, 'pipe.yaml');
        execFileSync('python3', ['-c', 'import os, sys; os.mkfifo(sys.argv[1])', path]);
        return path;
      },
      /not a regular file/,
    ],
    [
      'a socket',
      () => {
        const path = join(folder, 'socket.yaml');
        execFileSync('python3', ['-c', 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])', path]);
        return path;
      },
      /not a regular file/,
    ],
  ])('%s', (_name, path, message) => {
    expect(problemsOf(path(), [])[0]?.message).toMatch(message);
  });
});

describe('a model of your own', () => {
  it('must be there', () => {
    expect(problems(MINIMAL.replace('sd15', './none.safetensors'))[0]?.message).toBe(
      `no such file or folder: ${join(folder, 'none.safetensors')}`,
    );
  });

  it('must be a model', () => {
    mkdirSync(join(folder, 'notes'), { recursive: true });
    expect(problems(MINIMAL.replace('sd15', './notes'))[0]?.message).toMatch(/is not a model/);
  });
});
