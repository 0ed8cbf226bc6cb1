import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import { readConfig } from '../../../src/registry/checkpoints/complete.ts';
import { checkInitLora } from '../../../src/registry/checkpoints/lora.ts';
import { factsOfLora } from '../../../src/registry/checkpoints/lora-uses.ts';
import { unetWeights } from '../../../src/registry/checkpoints/topology.ts';
import type { RunSpec } from '../../../src/spec/schema.ts';
import { safetensors } from '../../helpers/safetensors.ts';

const root = mkdtempSync(join(tmpdir(), 'vt-lora-'));
const tiny = join(import.meta.dirname, '../../../presets/tiny/sd15');
let count = 0;
function file(content: string | Uint8Array): string {
  const path = join(root, `lora-${count++}.safetensors`);
  writeFileSync(path, content);
  return path;
}
type Training = Partial<RunSpec['training']>;
const spec = (training: Training = {}, family: 'sd15' | 'sdxl' = 'sd15') =>
  ({
    model: { family },
    training: {
      adapter: 'lora',
      dora: false,
      lokr: null,
      rank: 16,
      conv_rank: 0,
      targets: 'all',
      text_encoder_learning_rate: 0,
      ...training,
    },
  }) as unknown as Pick<RunSpec, 'model' | 'training'>;
const refused = (path: string, training?: Training, family?: 'sd15' | 'sdxl') => {
  try {
    checkInitLora(path, spec(training, family), tiny);
  } catch (error) {
    if (error instanceof UsageError) return [error.message, ...error.nextSteps].join(' ');
    throw error;
  }
  return undefined;
};

/** All layers of the embedded model's transformers; `rankOf` gives the rank of each, or leaves the layer out. */
function whole(rankOf: (name: string, index: number) => number | undefined = () => 16, more = {}): Buffer {
  const names = unetWeights(readConfig(join(tiny, 'unet', 'config.json')))
    .map(({ diffusers }) => diffusers)
    .filter((name) => name.includes('.attentions.') && !/norm\d?$/u.test(name));
  const shapes = names.flatMap((name, index) => {
    const rank = rankOf(name, index);
    const stem = `lora_unet_${name.replaceAll('.', '_')}`;
    return rank === undefined
      ? []
      : [
          [`${stem}.lora_down.weight`, [rank, 8]],
          [`${stem}.lora_up.weight`, [8, rank]],
        ];
  });
  return safetensors({ ...Object.fromEntries(shapes), ...more });
}

/** The same tensors for every layer of attention of the embedded model. */
const layersOf = (shapes: Record<string, readonly number[]>) =>
  safetensors(
    Object.fromEntries(
      unetWeights(readConfig(join(tiny, 'unet', 'config.json')))
        .filter(({ diffusers }) => diffusers.includes('.attentions.') && !/norm\d?$/u.test(diffusers))
        .flatMap(({ diffusers }) =>
          Object.entries(shapes).map(([role, shape]) => [`lora_unet_${diffusers.replaceAll('.', '_')}.${role}`, shape]),
        ),
    ),
  );

describe('a LoRA to go on from', () => {
  it('is refused by name and cure before the run where it cannot be read', () => {
    expect(refused(file(whole()))).toBeUndefined();
    expect(refused('/nowhere.safetensors')).toBe(
      'training.init_lora: /nowhere.safetensors does not exist. Check the path; it starts at the folder of run.yaml.',
    );
    expect(refused(file(`<!DOCTYPE html><html>${' '.repeat(600)}</html>`))).toMatch(/^training\.init_lora: .*web page/);
    expect(refused(file(whole().subarray(0, -8)))).toMatch(/^training\.init_lora: .*cut short/);
    expect(refused(file(safetensors({ 'decoder.conv_in.weight': [4, 4] })))).toMatch(/is no LoRA/);
  });

  it.each([
    ['hada_w1_a', 'is a LoHa, and this run trains a LoRA.', 'adapter=loha'],
    ['hada_t1', 'is a LoHa with a Tucker core, which cannot'],
    ['lokr_w1', 'is a LoKr, and this run trains a LoRA.', 'adapter=lokr'],
    ['dora_scale', 'is a DoRA, and this run trains a LoRA.', 'dora=true'],
    ['oft_blocks', 'is an OFT, which cannot'],
    ['a1.weight', 'is a GLoRA, which cannot'],
    ['on_input', 'is an (IA)³, which cannot'],
    ['diff', 'is a file of full differences, which cannot'],
  ])('is refused by its kind: %s', (ending, kind, cure = 'Choose another file') => {
    const said = refused(file(safetensors({ [`lora_unet_mid_block_attentions_0_proj_in.${ending}`]: [4, 4] })));
    expect(said).toContain(kind);
    expect(said).toContain(cure);
  });

  it.each<[string, Training, Record<string, readonly number[]>]>([
    ['a DoRA', { dora: true }, { 'lora_down.weight': [4, 8], 'lora_up.weight': [8, 4], dora_scale: [1, 8] }],
    ['a LoHa', { adapter: 'loha' }, { hada_w1_a: [8, 4], hada_w1_b: [4, 8], hada_w2_a: [8, 4], hada_w2_b: [4, 8] }],
    ['a LoKr', { adapter: 'lokr' }, { lokr_w1: [2, 2], lokr_w2_a: [4, 4], lokr_w2_b: [4, 4] }],
    [
      'a LoCon with a Tucker core',
      {},
      { 'lora_down.weight': [4, 8], 'lora_up.weight': [8, 4], 'lora_mid.weight': [4, 4] },
    ],
  ])('may be %s where the run trains one', (_kind, training, shapes) => {
    const path = file(layersOf(shapes));
    expect(checkInitLora(path, spec(training), tiny).join()).toMatch(
      /has the rank 4: .* have a lower rank than the run/,
    );
    expect(refused(path, { ...training, rank: 2 })).toMatch(/has the rank 4; training\.rank is 2/);
    const other: Training = training.adapter === 'loha' ? { adapter: 'lokr' } : { adapter: 'loha' };
    expect(refused(path, other)).toMatch(/and this run trains a Lo/);
  });

  it('tells kind, form, rank and alpha of a file to a run that gives none', () => {
    const form = (shapes: Record<string, readonly number[]>) => factsOfLora(file(layersOf(shapes)));
    expect(form({ lokr_w1: [2, 2], lokr_w2_a: [4, 4], lokr_w2_b: [4, 4] })).toEqual({
      kind: { adapter: 'lokr', dora: false },
      lokr: { factor: -1, decompose_both: false, full: false },
      ranks: { rank: 4, alpha: 4, conv_rank: undefined, conv_alpha: undefined },
    });
    // A matrix of rows 8 = 1 × 8 is one factor, so nothing of it is low-rank.
    expect(form({ lokr_w1: [1, 1], lokr_w2: [8, 8] })).toMatchObject({
      lokr: { factor: 1, full: true },
      ranks: { rank: undefined, alpha: undefined },
    });
    expect(form({ oft_blocks: [2, 2, 2] })).toBeUndefined();
    expect(refused(file(layersOf({ lokr_w1: [1, 1], lokr_w2: [8, 8] })), { adapter: 'lokr' })).toMatch(
      /splits its layers by the factor 1; that of the run is -1\. .*--set training\.lokr\.factor=1/,
    );
  });

  it.each<[string, string, readonly number[], RegExp]>([
    [
      'SDXL',
      'lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k',
      [4, 2048],
      /a LoRA of SDXL, but model\.base/,
    ],
    ['SD2', 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k', [4, 1024], /of Stable Diffusion 2/],
    ['FLUX', 'transformer.single_transformer_blocks.0.attn.to_q', [4, 3072], /a LoRA of FLUX/],
    ['another net', 'lora_unet_up_blocks_9_attentions_9_proj_in', [4, 8], /none of its layers/],
  ])('is refused on another base: %s', (_base, module, shape, message) => {
    const both = { [`${module}.lora_down.weight`]: shape, [`${module}.lora_up.weight`]: [8, shape[0] ?? 0] };
    expect(refused(file(safetensors(both)))).toMatch(message);
  });

  it('may have several ranks, of which none is higher than the run’s', () => {
    const resized = file(whole((_, index) => [4, 8, 16][index % 3]));
    expect(checkInitLora(resized, spec(), tiny)).toEqual([
      expect.stringMatching(/has the ranks 4, 8 and 16 by layer: \d+ of its \d+ layers have a lower rank than the run/),
    ]);
    expect(refused(resized, { rank: 8 })).toMatch(
      /has the ranks 4, 8 and 16 by layer; training\.rank is 8\. Set training\.rank to 16 or more: --set training\.rank=16\./,
    );
  });

  it('names layers that it lacks, and what of it is lost', () => {
    const conv = 'lora_unet_down_blocks_0_resnets_0_conv1.lora_';
    const text = 'lora_te_text_model_encoder_layers_0_mlp_fc1.lora_';
    const some = whole((name) => (name.startsWith('mid_block') ? undefined : 16), {
      'bundle_emb.zwx.string_to_param.*': [2, 8],
      [`${conv}down.weight`]: [4, 8, 3, 3],
      [`${conv}up.weight`]: [8, 4, 1, 1],
      [`${text}down.weight`]: [16, 8],
      [`${text}up.weight`]: [8, 16],
    });
    const said = checkInitLora(file(some), spec(), tiny).join('\n');
    expect(said).toMatch(/holds the embedding zwx: not trained here/);
    expect(said).toMatch(/lacks \d+ of the \d+ layers of the U-Net's attention that this run trains \(mid_block/);
    expect(said).toMatch(/has 1 layer of convolutions \(training\.conv_rank is 0\): not trained/);
    expect(said).toMatch(/has 1 layer of text encoders/);
    expect(checkInitLora(file(whole()), spec({ text_encoder_learning_rate: 1e-5 }), tiny)).toEqual([
      expect.stringMatching(/has no layers of text encoders, which this run trains: they start anew/),
    ]);
  });
});
