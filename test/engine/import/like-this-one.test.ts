/** A run of ours, the metadata that its LoRA carries, and the run.yaml made from that metadata: both train the same. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import { importSettings } from '../../../src/engine/import/import.ts';
import type { Plan } from '../../../src/engine/plan/schema.ts';
import { loadSpec } from '../../../src/engine/prepare/load.ts';
import { prepareRun } from '../../../src/engine/prepare/prepare.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { png } from '../../helpers/images.ts';
import { safetensors } from '../../helpers/safetensors.ts';

const python = process.env.VISIONTRAIN_TEST_PYTHON;
const dir = mkdtempSync(join(tmpdir(), 'vt-like-'));
const env = { VISIONTRAIN_HOME: join(dir, 'home'), PATH: process.env.PATH };
const registry = loadRegistry({ configDir: dir });
mkdirSync(join(dir, 'fox'));
for (const i of [1, 2, 3]) writeFileSync(join(dir, 'fox', `${i}.png`), png(96, 96, i));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function planned(file: string): Promise<Plan> {
  const { plan } = await prepareRun({ ...loadSpec(file, { registry }), registry, places: places(env), env });
  return plan;
}

/** The metadata that the trainer would write into the LoRA of this plan. */
function metadataOf(plan: Plan): Record<string, string> {
  const script = `
import json, sys
from visiontrain_trainer.adapter.lora_metadata import make_metadata
from visiontrain_trainer.contract.plan import parse_plan
print(json.dumps(make_metadata(parse_plan(json.load(sys.stdin)), 10, 1)))`;
  const cwd = join(import.meta.dirname, '../../../trainer');
  const options = {
    cwd,
    input: JSON.stringify(plan),
    encoding: 'utf8' as const,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  };
  return JSON.parse(execFileSync(python ?? '', ['-c', script], options));
}

const runs = {
  'as the recipe says': '{}',
  'a LoCon with text encoders': `{rank: 12, alpha: 6, conv_rank: 4, conv_alpha: 2, steps: 77, batch_size: 2, gradient_accumulation: 2,
    learning_rate: 2.5e-4, text_encoder_learning_rate: 5.0e-5, optimizer: adamw8bit, weight_decay: 0.1, betas: [0.9, 0.99],
    schedule: linear, warmup: 7, max_grad_norm: 0.5, dropout: 0.1, rank_dropout: 0.1, module_dropout: 0.05, seed: 9}`,
  'a LoKr with losses and noises': `{adapter: lokr, lokr: {factor: 8, decompose_both: true}, loss: huber, huber_c: 0.2, huber_schedule: exponential,
    loss_weighting: none, noise_offset: 0.05, noise_offset_random: true, noise_offset_adaptive: 0.01,
    input_perturbation: {strength: 0.1, random: true}, timesteps: {min: 100, max: 900}, max_weight_norm: 1.5}`,
  'a DoRA, debiased, with coarse noise': `{dora: true, loss_weighting: debiased, multires_noise: {iterations: 5, discount: 0.2}, lora_plus_ratio: 4, text_encoder_learning_rate: 0}`,
};

describe.skipIf(python === undefined)('train like this one', () => {
  it.each(Object.entries(runs))('%s', async (name, training) => {
    const file = join(dir, 'run.yaml');
    const dataset =
      '{path: fox, shuffle_tags: true, keep_tags: 2, caption_dropout: 0.05, tag_dropout: 0.1, flip: true}';
    writeFileSync(file, `version: 1\nname: fox\ndataset: ${dataset}\nmodel: {base: tiny}\ntraining: ${training}\n`);
    const first = await planned(file);
    const lora = join(dir, 'fox.safetensors');
    writeFileSync(lora, safetensors({ 'lora_unet_x.lora_down.weight': [4, 8] }, metadataOf(first)));
    const found = importSettings(lora, { registry, folder: join(dir, 'fox'), base: 'tiny' });
    const again = join(dir, 'again.yaml');
    writeFileSync(again, found.yaml);
    const second = await planned(again);
    expect(found.unknown, name).toEqual([]);
    // Without that weighting its gamma has no effect, so it stands in no file.
    const effective = ({ training: { min_snr_gamma: gamma, ...rest } }: Plan) => ({
      ...rest,
      gamma: rest.loss_weighting === 'min_snr' ? gamma : null,
    });
    expect(effective(second)).toEqual(effective(first));
    const own = ({ shuffle_tags, keep_tags, caption_dropout, tag_dropout, flip, crop }: Plan['data']) => ({
      ...{ shuffle_tags, keep_tags, caption_dropout, tag_dropout, flip, crop },
    });
    expect(own(second.data)).toEqual(own(first.data));
    expect([second.seed, second.model.clip_skip, second.name]).toEqual([first.seed, first.model.clip_skip, first.name]);
  });
});
