import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withLaterKeys } from '../../../src/engine/plan/older.ts';
import { planSchema } from '../../../src/engine/plan/schema.ts';
import { readPlan, settlePlan } from '../../../src/engine/runs/read-plan.ts';
import { optimizerArgsSchema } from '../../../src/spec/training/optimizer-keys.ts';

// The plan of a demo as the first version wrote it, with one image.
const older = JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures/plan-older.json'), 'utf8'));

it('reads the plan of the first version, and writes it anew only before the trainer reads it', () => {
  const dir = join(mkdtempSync(join(tmpdir(), 'vt-plan-')), 'fox');
  mkdirSync(dir);
  const path = join(dir, 'plan.json');
  writeFileSync(path, JSON.stringify(older));
  const plan = readPlan(dir);
  expect(plan.training).toMatchObject({ adapter: 'lora', rank: older.training.rank, loss_weighting: 'min_snr' });
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(older);
  expect(settlePlan(dir)).toEqual(plan);
  const written = readFileSync(path, 'utf8');
  expect(planSchema.parse(JSON.parse(written))).toEqual(plan);
  settlePlan(dir);
  expect(readFileSync(path, 'utf8')).toBe(written);
});

it('adds arguments of optimisers that came later, where a plan gives any', () => {
  const { schedulefree_c: _, prodigy_steps: __, ...args } = optimizerArgsSchema.parse({ d_coef: 2 });
  const plan = planSchema.parse(
    withLaterKeys({ ...older, training: { ...older.training, optimizer: 'prodigy', optimizer_args: args } }),
  );
  expect(plan.training.optimizer_args).toMatchObject({ d_coef: 2, schedulefree_c: null, prodigy_steps: null });
});

it('gives an image of a source with settings of its own the variations of the data set, as it had them', () => {
  const own = { crop: 'center', flip: true, shuffle_tags: false, keep_tags: 1, caption_dropout: 0, tag_dropout: 0 };
  const augment = {
    variations: 2,
    share: 1,
    brightness: 0,
    contrast: 0,
    saturation: 0,
    hue: 0,
    gamma: 0,
    rotate: 5,
    zoom: 0,
  };
  const [image] = older.data.samples ?? older.data.images;
  const { samples: _, images: __, ...data } = older.data;
  for (const given of [augment, null]) {
    const plan = { ...older, version: 2, data: { ...data, augment: given, images: [{ ...image, own }, image] } };
    const { images } = planSchema.parse(withLaterKeys(plan)).data;
    expect(images.map((one) => one.own)).toEqual([{ ...own, augment: given }, null]);
  }
});

it('adds keys that came later to a prompt with options of its own', () => {
  const shot = { prompt: 'a', negative: '', steps: 4, guidance: 4, seed: 1, size: [64, 64], strength: 1 };
  const plan = withLaterKeys({ ...older, samples: { ...older.samples, shots: [shot] } });
  expect(planSchema.parse(plan).samples.shots).toEqual([{ ...shot, clip_skip: null }]);
});

it('leaves a complete plan as it is, and never makes a plan of another document', () => {
  const whole = withLaterKeys(older);
  expect(withLaterKeys(whole)).toBe(whole);
  for (const damaged of [null, [], 'x', {}, { data: {}, training: [] }]) expect(withLaterKeys(damaged)).toBe(damaged);
  const { learning_rate: _, ...training } = older.training;
  expect(planSchema.safeParse(withLaterKeys({ ...older, training })).success).toBe(false);
});

it('refuses the pseudo-Huber loss of that version, which is a different one today', () => {
  const huber = { ...older, training: { ...older.training, loss: 'huber' } };
  expect(planSchema.safeParse(withLaterKeys(huber)).success).toBe(false);
});
