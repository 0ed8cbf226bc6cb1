import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { jsonSchema } from '../../../src/engine/config/json-schema.ts';
import { specKeys } from '../../../src/engine/config/keys.ts';
import { referencePage } from '../../../src/engine/config/reference.ts';

it('the committed reference page is up to date (node scripts/reference.mjs writes it)', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/run-yaml.md'), 'utf8');
  expect(page).toBe(referencePage());
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
