import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillSpec } from '../../src/engine/prepare/fill.ts';
import { loadSpec } from '../../src/engine/prepare/load.ts';
import { specKeys } from '../../src/spec/keys.ts';
import { choosers, specSchema } from '../../src/spec/schema.ts';
import { renderSpec } from '../../src/spec/write.ts';
import { parseYaml } from '../../src/spec/yaml-tree.ts';
import { anySpec, loadableSpec } from '../helpers/arbitrary-spec.ts';
import { testRegistry as registry } from '../helpers/registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'vt-write-'));
const reload = (text: string) => {
  const file = join(folder, 'run.yaml');
  writeFileSync(file, text);
  return loadSpec(file, { registry });
};
const provenances = fc
  .array(fc.constantFrom(...choosers), { minLength: specKeys.length, maxLength: specKeys.length })
  .map((words) => Object.fromEntries(specKeys.map(({ key }, i) => [key, words[i] ?? 'you'])));

describe('renderSpec', () => {
  it('writes text that reads back as the same values, whatever they are', () => {
    fc.assert(
      fc.property(anySpec, provenances, (spec, provenance) => {
        const { value, problems } = parseYaml(renderSpec(spec, provenance));
        expect(problems).toEqual([]);
        expect(specSchema.parse(value)).toEqual(spec);
      }),
      { numRuns: 100 },
    );
  });

  it('load → write → load is the identity, and writing again changes nothing', () => {
    fc.assert(
      fc.property(loadableSpec, provenances, (spec, provenance) => {
        const first = reload(renderSpec(spec, provenance));
        expect(first.spec).toEqual(spec);
        const text = renderSpec(first.spec, first.provenance);
        const second = reload(text);
        expect(second.spec).toEqual(spec);
        expect(second.provenance).toEqual(first.provenance);
        expect(renderSpec(second.spec, second.provenance)).toBe(text);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps who chose each value of a filled spec', () => {
    const filled = fillSpec({ dataset: { path: 'fox', trigger: 'zfx' }, model: { base: 'sdxl' } }, registry);
    const loaded = reload(renderSpec(filled.spec, filled.provenance));
    expect(loaded.provenance).toEqual(filled.provenance);
    expect(loaded.provenance['dataset.trigger']).toBe('you');
    expect(loaded.provenance['training.rank']).toBe('preset');
  });

  it('explains every key, and is readable in 100 columns', () => {
    const { spec, provenance } = fillSpec({ dataset: { path: 'fox' }, model: { base: 'sd15' } }, registry);
    const lines = renderSpec(spec, provenance).split('\n');
    for (const { key } of specKeys) {
      const name = key.split('.').at(-1) ?? key;
      expect(
        lines.filter((line) => new RegExp(`^ *${name}:.*# (you|preset|detected)\\b`, 'u').test(line)).length,
        key,
      ).toBeGreaterThan(0);
    }
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('shows hidden characters as escapes', () => {
    const { spec } = fillSpec({ dataset: { path: 'a\u202eb', trigger: '🦊' }, model: { base: 'sd15' } }, registry);
    const text = renderSpec(spec, {});
    expect(text).toContain('path: "a\\u202eb"');
    expect(text).toContain('🦊');
  });
});
