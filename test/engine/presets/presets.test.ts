/** Presets of a person's own: made, kept, compared, and applied below the person's other choices. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigError } from '../../../src/base/errors.ts';
import { places } from '../../../src/base/paths.ts';
import { loadSpec } from '../../../src/engine/prepare/load.ts';
import { presetDifferences } from '../../../src/engine/presets/diff.ts';
import { presetFrom, sourceOf } from '../../../src/engine/presets/make.ts';
import { loadPreset, savePreset } from '../../../src/engine/presets/store.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { readPreset, renderPreset } from '../../../src/spec/own-preset.ts';
import { renderSpec } from '../../../src/spec/write.ts';
import { styleFor } from '../../../src/terminal/style.ts';
import type { Capabilities } from '../../../src/terminal/terminal.ts';
import { runWizard } from '../../../src/wizard/wizard.ts';
import { cli } from '../../helpers/cli.ts';
import { png } from '../../helpers/images.ts';

const dir = mkdtempSync(join(tmpdir(), 'vt-presets-'));
const config = join(dir, 'home', 'config');
const folder = join(dir, 'fox');
const env = { ...process.env, VISIONTRAIN_HOME: join(dir, 'home') };
const registry = loadRegistry({ configDir: dir });
const file = (name: string, text: string) => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const CHOSEN = `version: 1
name: fox
dataset: {path: fox, trigger: ohwx, goal: style, caption_prefix: "ohwx, ", masks: {from: masks}}
model: {base: sdxl, merge_loras: []}
training: {rank: 24, learning_rate: 2.0e-4, init_lora: null}
samples: {prompts: ["ohwx in snow"]}
resources: {device: cpu, base_precision: int8}
hooks: {on_finish: [{run: echo}]}
`;

beforeAll(() => {
  mkdirSync(folder);
  mkdirSync(join(dir, 'masks'));
  for (const i of [1, 2, 3]) writeFileSync(join(folder, `${i}.png`), png(640, 640, i));
});

describe('a preset', () => {
  it('holds the person’s choices, and nothing of one data set, run or machine', () => {
    const path = file('fox.yaml', CHOSEN);
    const { preset, left } = presetFrom({ name: 'soft', about: 'soft styles' }, loadSpec(path, { registry }), false);
    expect(Object.fromEntries(preset.values)).toEqual({
      'dataset.goal': 'style',
      'model.base': 'sdxl',
      'training.rank': 24,
      'training.learning_rate': 2e-4,
      'resources.base_precision': 'int8',
    });
    expect(left.map(({ key }) => key)).toEqual([
      'dataset.trigger',
      'dataset.caption_prefix',
      'dataset.masks',
      'samples.prompts',
      'resources.device',
      'hooks.on_finish',
    ]);
    const text = renderPreset(preset);
    expect(text).not.toMatch(/ohwx|masks: *\{|echo|\/tmp/u);
    expect(readPreset(text, 'soft', 'soft.yaml')).toEqual({ preset });
  });

  it('names every mistake with its line, and refuses what a preset may not hold', () => {
    mkdirSync(join(config, 'presets'), { recursive: true });
    const wrong = (text: string) => {
      writeFileSync(join(config, 'presets', 'bad.yaml'), text);
      try {
        loadPreset(config, 'bad');
        return [];
      } catch (error) {
        return (error as ConfigError).problems.map(({ line, key, message }) => `${line} ${key} ${message}`);
      }
    };
    expect(
      wrong(
        'preset: 1\nversion: 1\ntraining:\n  rnk: 8\n  rank: many\nhooks:\n  on_start: [{run: "rm -rf /"}]\nnonsense: 1\n',
      ),
    ).toEqual([
      expect.stringMatching(/^4 training\.rnk no such setting; did you mean training\.rank\?/u),
      expect.stringMatching(/^5 training\.rank /u),
      expect.stringMatching(/^7 hooks\.on_start is no part of a preset: commands/u),
      expect.stringMatching(/^8 nonsense no such setting/u),
    ]);
    expect(wrong('preset: 2\nversion: 1\n')[0]).toContain('1 preset must be 1');
    expect(wrong('preset: 1\nversion: 9\n')[0]).toContain('made by a newer visiontrain');
    expect(wrong('preset: 1\nversion: 1\nmodel: {base: /data/x.safetensors}\n')[0]).toContain('a file of this machine');
    expect(wrong('preset: 1\nversion: 1\ntraining: &a {rank: 8}\n')).toHaveLength(1);
    expect(wrong('- a list\n')[0]).toContain('holds no settings');
    expect(wrong('')[0]).toContain('holds no settings');
    expect(wrong('preset: 1\nversion: 1\nabout: [1]\n')[0]).toContain('3 about must be a text');
    rmSync(join(config, 'presets', 'bad.yaml'));
    for (const name of ['../evil', 'a/b', '', '.hidden', 'x'.repeat(65)])
      expect(() => loadPreset(config, name)).toThrow('cannot name a preset');
  });

  it('lies under what the file and the flags choose, and over the recipe', () => {
    const values = new Map<string, unknown>([
      ['training.rank', 48],
      ['training.learning_rate', 5e-5],
      ['training.dropout', 0.1],
      ['training.batch_size', 3],
    ]);
    const preset = { name: 'mine', about: '', values };
    const path = file(
      'laid.yaml',
      `version: 1
dataset: {path: fox}
model: {base: sdxl}
training:
  rank: 16                            # you      Rank
  learning_rate: 1.0e-4               # preset   Rate
  weight_decay: 0.5
`,
    );
    const loaded = loadSpec(path, { registry, preset, overrides: ['training.dropout=0.2'] });
    const { training } = loaded.spec;
    expect([training.rank, training.learning_rate, training.dropout, training.batch_size]).toEqual([16, 5e-5, 0.2, 3]);
    expect(training.weight_decay).toBe(0.5);
    expect(loaded.laid).toMatchObject({
      used: ['training.learning_rate', 'training.dropout', 'training.batch_size'],
      kept: ['training.rank'],
    });
    const who = (key: string) => loaded.provenance[key];
    expect(['rank', 'learning_rate', 'dropout', 'batch_size'].map((key) => who(`training.${key}`))).toEqual([
      'you',
      'preset:mine',
      'you',
      'preset:mine',
    ]);
    // The written file names the preset, is read back so, and is written the same again.
    const text = renderSpec(loaded.spec, loaded.provenance);
    expect(text).toMatch(/batch_size: 3 +# preset:mine /u);
    expect(text).toContain('#   preset:NAME');
    const again = loadSpec(file('again.yaml', text), { registry });
    expect(again.provenance).toEqual(loaded.provenance);
    expect(renderSpec(again.spec, again.provenance)).toBe(text);
    // Without a preset no file mentions one.
    expect(renderSpec(loadSpec(path, { registry }).spec, {})).not.toContain('preset:NAME');
  });

  it('of another base takes the recipe of that base with it', () => {
    const written = loadSpec(file('sd15.yaml', 'version: 1\ndataset: {path: fox}\nmodel: {base: sd15}\n'), {
      registry,
    });
    const text = renderSpec(written.spec, { ...written.provenance, 'model.base': 'preset' });
    const preset = { name: 'xl', about: '', values: new Map([['model.base', 'sdxl']]) };
    const { spec } = loadSpec(file('sd15-full.yaml', text), { registry, preset });
    expect([spec.model.base, spec.dataset.resolution]).toEqual(['sdxl', 1024]);
  });

  it('is compared with presets, files and other trainers’ settings', () => {
    savePreset(config, { name: 'a', about: '', values: new Map([['training.rank', 8]]) }, false);
    savePreset(config, { name: 'b', about: '', values: new Map([['training.seed', 7]]) }, false);
    const from = { registry, configDir: config, runs: join(dir, 'runs') };
    const fox = file('plain.yaml', 'version: 1\ndataset: {path: fox}\nmodel: {base: sdxl}\ntraining: {rank: 24}\n');
    const kohya = file('kohya.toml', 'pretrained_model_name_or_path = "sdxl"\nnetwork_dim = 24\nseed = 7\n');
    const keys = (a: string, b: string) =>
      presetDifferences(sourceOf(a, from), sourceOf(b, from)).map((row) => [row.key, row.a, row.b]);
    expect(keys('a', 'b')).toEqual([
      ['training.seed', undefined, 7],
      ['training.rank', 8, undefined],
    ]);
    expect(keys('a', fox)).toEqual([['training.rank', 8, 24]]);
    expect(keys('b', kohya)).toEqual([]);
    expect(keys(fox, kohya)).toContainEqual(['training.seed', 42, 7]);
    for (const name of ['a', 'b']) rmSync(join(config, 'presets', `${name}.yaml`));
  });
});

describe('the wizard', () => {
  /** Presses Enter on every question except those of the script; returns the questions that were asked, by label. */
  async function wizard(script: Readonly<Record<string, string>>, preset?: string) {
    const asked: string[] = [];
    const shown: string[][] = [];
    const { file: written } = await runWizard({
      asker: async ({ label }, form) => {
        asked.push(label);
        if (form.kind === 'choose') shown.push(form.choices.map(({ value }) => value));
        return { kind: 'answer', value: script[label] ?? form.initial };
      },
      can: { columns: 80, rows: 24 } as Capabilities,
      style: styleFor({ colour: 0, unicode: true }),
      ...{ env, places: places(env), cwd: dir, version: '1', say: () => {}, folder, yes: false, preset },
    });
    const text = readFileSync(written, 'utf8');
    rmSync(written);
    return { asked, shown, text };
  }

  it('offers presets as one more choice of its first question, and asks no more questions for them', async () => {
    const easy = await wizard({ Mode: 'easy', Model: 'tiny', Review: 'save' });
    expect(easy.shown[0]).toEqual(['easy', 'advanced']);
    const values = new Map<string, unknown>([
      ['dataset.goal', 'style'],
      ['model.base', 'sdxl'],
      ['training.rank', 24],
      ['resources.base_precision', 'int8'],
    ]);
    savePreset(config, { name: 'soft-style', about: '', values }, false);
    const own = await wizard({ Mode: 'preset:soft-style', Review: 'save' });
    expect(own.shown[0]).toEqual(['easy', 'advanced', 'preset:soft-style']);
    expect(easy.asked.filter((label) => !own.asked.includes(label))).toEqual(['Teaches', 'Model']);
    expect(own.asked.filter((label) => !easy.asked.includes(label))).toEqual([]);
    for (const line of ['rank: 24', 'base: sdxl', 'goal: style', 'base_precision: int8'])
      expect(own.text).toMatch(new RegExp(` {2}${line} +# preset:soft-style `, 'u'));
    expect(own.text).toMatch(/ {2}alpha: .*# preset /u);
    // A preset named on the command line leaves that question out; an answer by the person is the person's.
    const named = await wizard({ Detail: 'compact', Review: 'save' }, 'soft-style');
    expect(named.asked).not.toContain('Mode');
    expect(named.text).toMatch(/ {2}base: sdxl +# preset:soft-style /u);
    rmSync(join(config, 'presets', 'soft-style.yaml'));
    await expect(wizard({ Review: 'save' }, 'soft-style')).rejects.toThrow('There is no preset soft-style');
  });
});

describe('visiontrain preset', () => {
  it('saves, lists, shows, starts from, compares and removes', async () => {
    const spec = file('source.yaml', CHOSEN.replace(/, masks: \{.*?\}/u, ''));
    const saved = await cli(['preset', 'save', 'soft-style', spec, '--about', 'soft "styles"'], env, dir);
    expect([saved.code, saved.stdout.trim()]).toEqual([0, join(config, 'presets', 'soft-style.yaml')]);
    expect(saved.stderr).toContain('5 settings saved');
    expect(saved.stderr).toContain('dataset.trigger is left out');
    const twice = await cli(['preset', 'save', 'soft-style', spec, '--json'], env, dir);
    expect([twice.code, JSON.parse(twice.stdout).error.id]).toEqual([2, 'preset/exists']);
    const all = await cli(['preset', 'save', 'soft-style', spec, '--replace', '--all', '--json'], env, dir);
    expect(Object.keys(JSON.parse(all.stdout).settings).length).toBeGreaterThan(60);
    await cli(['preset', 'save', 'soft-style', spec, '--replace', '--about', 'soft'], env, dir);
    const list = await cli(['preset', '--json'], env, dir);
    expect(JSON.parse((await cli(['preset', 'list', '--json'], env, dir)).stdout)).toEqual({
      presets: [{ name: 'soft-style', about: 'soft', base: 'sdxl', settings: 5, problem: null }],
    });
    expect(list.code).toBe(0);
    const shown = await cli(['preset', 'show', 'soft-style'], env, dir);
    expect(shown.stdout).toContain('  rank: 24');

    const plain = file('bare.yaml', 'version: 1\ndataset: {path: fox}\nmodel: {base: tiny}\ntraining: {rank: 4}\n');
    const dry = await cli(['run', plain, '--preset', 'soft-style', '--dry-run'], env, dir);
    expect(dry.stderr).toContain(
      'Preset soft-style: 3 settings taken; model.base, training.rank stay as the file has it',
    );
    expect(dry.stderr).toContain('The preset is for sdxl, and the base here is tiny.');
    const diff = await cli(['preset', 'diff', 'soft-style', plain, '--json'], env, dir);
    expect(JSON.parse(diff.stdout).differences).toContainEqual({ key: 'training.rank', a: 24, b: 4 });

    const none = await cli(['new', folder, '--preset', 'soft-stile', '--yes', '-o', 'none.yaml'], env, dir);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('soft-style?')]);
    expect(existsSync(join(dir, 'none.yaml'))).toBe(false);
    expect((await cli(['preset', 'rm', 'soft-style', '--json'], env, dir)).code).toBe(0);
    expect((await cli(['preset', 'list'], env, dir)).stderr).toContain('No presets yet');
  });
});

it('a value that is changed after its preset set it counts as the person’s own', () => {
  const values = new Map<string, unknown>([
    ['training.dropout', 0.1],
    ['training.cycles', 2],
  ]);
  const preset = { name: 'mild', about: '', values };
  const plain = file('laid.yaml', 'version: 1\ndataset: {path: fox}\nmodel: {base: tiny}\n');
  const laid = loadSpec(plain, { registry, preset });
  const yaml = renderSpec(laid.spec, laid.provenance);
  expect(yaml).toMatch(/dropout: 0\.1 +# preset:mild/u);
  const edited = file('edited.yaml', yaml.replace('dropout: 0.1', 'dropout: 0.3'));
  const { provenance } = loadSpec(edited, { registry, own: (name) => (name === 'mild' ? preset : undefined) });
  expect([provenance['training.dropout'], provenance['training.cycles']]).toEqual(['you', 'preset:mild']);
  // When a preset is gone, only the comment in the file tells of it.
  expect(loadSpec(edited, { registry, own: () => undefined }).provenance['training.dropout']).toBe('preset:mild');
});
