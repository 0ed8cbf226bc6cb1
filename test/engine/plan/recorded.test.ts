import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withCaptions, withRecorded } from '../../../src/engine/plan/samples.ts';
import { planSchema } from '../../../src/engine/plan/schema.ts';
import { fillSpec } from '../../../src/engine/prepare/fill.ts';
import { testRegistry } from '../../helpers/registry.ts';

const plan = planSchema.parse(JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures/plan.json'), 'utf8')));
const { spec } = fillSpec(
  {
    name: plan.name,
    dataset: { path: 'fox', trigger: 'zfx', goal: 'character' },
    captions: { write: 'tags', remove: ['red'] },
    model: { base: testRegistry.models[0]?.id },
  },
  testRegistry,
);
const [first, second] = plan.data.images;

it('captions that are written later follow the same rules, and so does everything that depends on them', () => {
  const texts = new Map([[second?.sha256 ?? '', `red, ${'very long tag, '.repeat(40)}end`]]);
  const made = withCaptions(plan, spec, texts);
  expect(made.data.images[0]).toEqual(first);
  expect(made.data.images[1]?.caption).toMatch(/^zfx, very long tag, .*end$/u);
  expect(made.data.max_tokens).toBeGreaterThan(plan.data.max_tokens);
  expect(made.output.facts.ss_tag_frequency).toContain('"very long tag"');
});

it('a run keeps the captions that were written for it, only for images without captions of their own', () => {
  const recorded = withCaptions(
    plan,
    spec,
    new Map([
      [first?.sha256 ?? '', 'one'],
      [second?.sha256 ?? '', 'two'],
    ]),
  );
  const again = withRecorded(plan, spec, recorded, new Set([second?.sha256 ?? '']));
  expect(again.data.images.map(({ caption }) => caption).slice(0, 2)).toEqual([first?.caption, 'zfx, two']);
  expect(withRecorded(plan, spec, recorded, new Set()).data).toEqual(plan.data);
});
