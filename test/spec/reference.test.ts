import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { jsonSchema } from '../../src/spec/json-schema.ts';
import { specKeys } from '../../src/spec/keys.ts';
import { foreignPage, referencePage } from '../../src/spec/reference.ts';

it.each([
  ['run-yaml.md', referencePage],
  ['other-trainers.md', foreignPage],
])('the committed page %s is up to date (node scripts/reference.mjs writes it)', (name, made) => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/reference', name), 'utf8');
  expect(page).toBe(made());
});

it('every key has a description and a reason', () => {
  for (const { key, node } of specKeys) {
    expect(node.description, key).toMatch(/\.$/u);
    expect(node.why, key).toBeTruthy();
  }
});

it('the JSON Schema asks for the three keys nobody can guess, and allows no others', () => {
  const schema = jsonSchema() as {
    required: string[];
    additionalProperties: boolean;
    properties: Record<string, { required?: string[]; additionalProperties?: boolean }>;
  };
  expect(schema.required).toEqual(['version', 'dataset', 'model']);
  expect(schema.additionalProperties).toBe(false);
  expect(schema.properties.dataset).toMatchObject({ required: ['path'], additionalProperties: false });
  expect(schema.properties.model?.required).toEqual(['base']);
  expect(schema.properties.training?.required).toEqual([]);
});

it('the JSON Schema takes a list of prompts, or the name of a file that holds them', () => {
  const { properties } = jsonSchema() as { properties: Record<string, { properties: Record<string, unknown> }> };
  const prompts = properties.samples?.properties.prompts as { anyOf: { type: string; pattern?: string }[] } | undefined;
  expect(prompts?.anyOf.map(({ type }) => type)).toEqual(['array', 'string']);
  const isFile = (name: string) => new RegExp(prompts?.anyOf[1]?.pattern ?? '', 'u').test(name);
  expect(['prompts.txt', '../a b.toml', 'P.JSON'].map(isFile)).toEqual([true, true, true]);
  expect(['a fox in the snow', 'prompts.yaml', 'txt'].map(isFile)).toEqual([false, false, false]);
});
