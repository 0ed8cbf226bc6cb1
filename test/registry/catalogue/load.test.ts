import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ConfigError, UsageError } from '../../../src/base/errors.ts';
import { findBase, memoryClassFor } from '../../../src/registry/catalogue/find.ts';
import { findEntry, findModel, loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { recipeFor, recipeKeys, withTrigger } from '../../../src/registry/catalogue/recipes.ts';
import type { ModelEntry } from '../../../src/registry/catalogue/schema.ts';
import { goals, specSchema } from '../../../src/spec/schema.ts';

const registry = loadRegistry({ configDir: '/nonexistent' });
const bases = registry.models.map((entry) => [entry.id, entry] as const);

const emptyConfig = () => mkdtempSync(join(tmpdir(), 'vt-registry-'));

/** Turns dotted keys into a nested document. */
function nest(values: Record<string, unknown>): Record<string, unknown> {
  const document: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(values)) {
    const parts = key.split('.');
    let at = document;
    for (const part of parts.slice(0, -1)) {
      at[part] ??= {};
      at = at[part] as Record<string, unknown>;
    }
    at[parts.at(-1) ?? ''] = value;
  }
  return document;
}

test.each(bases)('%s: every recipe fills the whole of run.yaml', (id, entry) => {
  for (const goal of goals) {
    const recipe = recipeFor(entry, goal, 'zyx');
    expect(Object.keys(recipe)).toEqual(expect.arrayContaining([...recipeKeys()]));
    const own = { version: 1, name: 'x', 'dataset.path': 'p', 'dataset.goal': goal, 'model.base': id };
    for (const memory of [null, ...entry.memory_classes]) {
      const spec = specSchema.parse(nest({ ...own, ...recipe, ...memory?.values }));
      expect(spec.samples.prompts.length).toBeGreaterThan(0);
      expect(spec.samples.prompts.join('\n')).toContain('zyx');
      expect(spec.training.alpha).toBeLessThanOrEqual(spec.training.rank);
    }
  }
});

test.each(bases)('%s: memory classes keep the effective batch', (_, entry) => {
  for (const goal of goals) {
    const batch = (values: Record<string, unknown>) =>
      Number(values['training.batch_size']) * Number(values['training.gradient_accumulation'] ?? 1);
    const recipe = recipeFor(entry, goal);
    for (const memory of entry.memory_classes) expect(batch({ ...recipe, ...memory.values })).toBe(batch(recipe));
  }
});

test('every recommended VAE is a VAE of the same family', () => {
  for (const entry of registry.models) {
    if (entry.recommended_vae === undefined) continue;
    const vae = findEntry(registry, entry.recommended_vae);
    expect(vae.kind).toBe('vae');
    expect('families' in vae && vae.families).toContain(entry.family);
  }
});

test('ids and aliases are unique, and hashes belong to one entry', () => {
  const entries = [...registry.models, ...registry.assets];
  const names = entries.flatMap((e) => [e.id, ...e.aliases]);
  expect(new Set(names).size).toBe(names.length);
  const weights = entries.flatMap((e) => e.files.filter((f) => f.role === 'weights').map((f) => f.sha256));
  expect(new Set(weights).size).toBe(weights.length);
});

/**
 * Models of which nobody could confirm a byte: the first fetch pins all their files, as the hub has them on that day.
 */
const PINNED_WHEN_FETCHED = ['clipseg'];

test('every file that is not embedded has a source, and every source of the hub a full commit or a hash', () => {
  for (const entry of [...registry.models, ...registry.assets]) {
    expect(entry.embedded !== undefined || entry.files.length > 0).toBe(true);
    for (const file of entry.files) {
      expect(file.sources.length).toBeGreaterThan(0);
      for (const source of file.sources)
        if (source.kind === 'hub' && source.revision === undefined && !PINNED_WHEN_FETCHED.includes(entry.id))
          expect(file.sha256).toBeDefined();
    }
  }
});

test('finds by id and by alias, and suggests the nearest', () => {
  expect(findModel(registry, 'sdxl').title).toBe('Stable Diffusion XL 1.0');
  expect(findModel(registry, 'pony-v6').id).toBe('pony');
  expect(() => findModel(registry, 'sdlx')).toThrowError(UsageError);
  try {
    findModel(registry, 'ilustrious');
  } catch (error) {
    expect((error as UsageError).nextSteps[0]).toBe('Did you mean illustrious?');
  }
  expect(() => findModel(registry, 'sd-vae-ft-mse')).toThrowError('is a vae');
});

test('an alias of one entry hides no id of another', () => {
  const [first, ...others] = registry.models;
  const greedy = { ...registry, models: [{ ...(first as ModelEntry), aliases: ['pony', 'sd15'] }, ...others] };
  for (const id of ['pony', 'sd15']) {
    expect(findBase(greedy, id)?.id).toBe(id);
    expect(findModel(greedy, id).id).toBe(id);
  }
});

test('memory classes: the largest that the card reaches', () => {
  const sdxl = findModel(registry, 'sdxl');
  expect(memoryClassFor(sdxl, 5)).toBeUndefined();
  expect(memoryClassFor(sdxl, 6)?.from_gb).toBe(6);
  expect(memoryClassFor(sdxl, 7.8)?.from_gb).toBe(8);
  expect(memoryClassFor(sdxl, 23.6)?.from_gb).toBe(24);
  expect(memoryClassFor(sdxl, 139)?.from_gb).toBe(24);
});

test('a prompt without a trigger has no gap', () => {
  expect(withTrigger('masterpiece, {trigger}, solo', '')).toBe('masterpiece, solo');
  expect(withTrigger('{trigger}, solo', '')).toBe('solo');
  expect(withTrigger('a photo of {trigger|a person}, portrait', '')).toBe('a photo of a person, portrait');
  expect(withTrigger('a photo of {trigger|a person}', 'zyx')).toBe('a photo of zyx');
  expect(withTrigger('a lighthouse, {trigger} style', 'zyx')).toBe('a lighthouse, zyx style');
});

test('own entries use the built-in sets and may replace an entry', () => {
  const configDir = emptyConfig();
  mkdirSync(join(configDir, 'models'));
  const file = join(configDir, 'models', 'mine.yaml');
  writeFileSync(
    file,
    `version: 1
models:
  - id: mine
    title: Mine
    summary: My merge
    family: sdxl
    resolution: 1024
    layout: single_file
    recipe_set: illustrious
    recipe: {training.rank: 64}
    companions: sdxl-config
    files: [{path: mine.safetensors, role: weights, local: /data/mine.safetensors, unverified: [bytes, sha256]}]
    caption_style: tags
    guidance: ''
    license: {name: unknown, url: '', restrictions: '', acceptance: false}
`,
  );
  const entry = findModel(loadRegistry({ configDir }), 'mine');
  expect(entry.added_in).toBe(file);
  expect(entry.recipes.style?.['training.rank']).toBe(64);
  expect(entry.files.length).toBeGreaterThan(10);
});

test.each([
  ['version: 1\nmodels: [{id: x', 'cannot be read'],
  ['version: 1\nmodells: []', 'has mistakes'],
  ['version: 2', 'has mistakes'],
])('a bad file is a ConfigError that names it (%#)', (text, message) => {
  const configDir = emptyConfig();
  mkdirSync(join(configDir, 'models'));
  const file = join(configDir, 'models', 'bad.yaml');
  writeFileSync(file, text);
  expect(() => loadRegistry({ configDir })).toThrowError(message);
  try {
    loadRegistry({ configDir });
  } catch (error) {
    expect((error as ConfigError).problems[0]?.file).toContain('bad.yaml');
  }
});
