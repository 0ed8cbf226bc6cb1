import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { fillSpec } from '../../src/engine/prepare/fill.ts';
import { loadSpec } from '../../src/engine/prepare/load.ts';
import { loadRegistry } from '../../src/registry/catalogue/load.ts';
import { stepsFor } from '../../src/spec/length.ts';
import { renderSpec } from '../../src/spec/write.ts';

const dir = mkdtempSync(join(tmpdir(), 'vt-length-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const registry = loadRegistry({ configDir: dir });

function steps(base: string, images: number, training: object = {}, goal = 'character') {
  const filled = fillSpec({ dataset: { path: '.', goal }, model: { base }, training }, registry, { dir });
  const { spec, provenance } = filled.forImages?.(images) ?? filled;
  return [spec.training.steps, provenance['training.steps']];
}

describe('the length of a run', () => {
  it.each([
    ['sdxl', 'character', [500, 1400, 1500, 2000, 4000]],
    ['sd15', 'style', [500, 1400, 2500, 2500, 4000]],
    ['pony', 'concept', [500, 1400, 2000, 2000, 4000]],
  ])('follows the number of images: %s, %s', (base, goal, expected) => {
    expect([5, 14, 40, 400, 5000].map((images) => steps(base, images, {}, goal)[0])).toEqual(expected);
    expect(steps(base, 400, {}, goal)[1]).toBe('detected');
  });

  it('counts the images of a step, however they are divided into passes', () => {
    expect(steps('sdxl', 40, { batch_size: 4 })[0]).toBe(750);
    expect(steps('sdxl', 40, { batch_size: 1, gradient_accumulation: 2 })[0]).toBe(1500);
    expect(steps('sdxl', 40, { batch_size: 1 })[0]).toBe(3000);
  });

  it('is what the person gives, and the embedded model has its own', () => {
    expect(steps('sdxl', 400, { steps: 123 })).toEqual([123, 'you']);
    for (const images of [5, 400]) expect(steps('tiny', images)).toEqual([500, 'preset']);
  });

  it('is written into run.yaml, and stays when the file is read again beside other images', () => {
    const open = join(dir, 'open.yaml');
    writeFileSync(open, 'version: 1\ndataset: {path: .}\nmodel: {base: sdxl}\n');
    const counted = loadSpec(open, { registry }).forImages?.(400);
    if (counted === undefined) throw new Error('the length is not open');
    const written = join(dir, 'written.yaml');
    writeFileSync(written, renderSpec(counted.spec, counted.provenance));
    const again = loadSpec(written, { registry });
    expect(again.forImages).toBeUndefined();
    expect([again.spec.training.steps, again.provenance['training.steps']]).toEqual([2000, 'detected']);
    expect(again.spec).toEqual(counted.spec);
  });

  it('stays within its bounds, and never falls with more images', () => {
    const rule = { least_uses: 10, most_uses: 200, least_steps: 500, most_steps: 4000 };
    const number = (max: number) => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(number(100_000), number(64), number(20_000), (images, perStep, recipeUses) => {
        const at = (n: number) => stepsFor({ images: n, perStep, recipeUses }, rule);
        expect(at(images)).toBeGreaterThanOrEqual(rule.least_steps);
        expect(at(images)).toBeLessThanOrEqual(rule.most_steps);
        expect(at(images + 1)).toBeGreaterThanOrEqual(at(images));
        const uses = (at(images) * perStep) / images;
        // The bounds of the steps and the rounding to two digits are left out here.
        if (at(images) > rule.least_steps && at(images) < rule.most_steps) {
          expect(uses).toBeGreaterThanOrEqual(rule.least_uses * 0.94);
          expect(uses).toBeLessThanOrEqual(rule.most_uses * 1.06);
        }
      }),
    );
  });
});
