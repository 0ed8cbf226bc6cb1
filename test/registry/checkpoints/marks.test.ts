import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { vaeFor } from '../../../src/registry/checkpoints/architecture.ts';
import { checkBase } from '../../../src/registry/checkpoints/complete.ts';
import { judgeScheduler, judgeVae } from '../../../src/registry/checkpoints/config-marks.ts';
import { identifyModel } from '../../../src/registry/checkpoints/identify.ts';
import { refusalOf } from '../../helpers/refused.ts';
import { kinds, safetensors } from '../../helpers/safetensors.ts';

const root = mkdtempSync(join(tmpdir(), 'vt-marks-'));
const failure = (path: string) => refusalOf(() => identifyModel(path));
let count = 0;
const unet = 'model.diffusion_model.';
const depths = (places: Readonly<Record<string, number>>) =>
  Object.fromEntries(
    Object.entries(places).flatMap(([place, depth]) =>
      Array.from({ length: depth }, (_, i) => [
        `${unet}${place}.1.transformer_blocks.${i}.attn1.to_q.weight`,
        [4, 4] as readonly number[],
      ]),
    ),
  );

describe('marks in a single file', () => {
  it.each<[string, Record<string, readonly number[]>, RegExp, Record<string, string>?]>([
    ['Playground v2.5', { edm_mean: [4], edm_std: [4] }, /EDM noise schedule.*models list/],
    ['CosXL', { 'edm_vpred.sigma_max': [], 'edm_vpred.sigma_min': [] }, /EDM noise schedule/],
    ['one that predicts something else', {}, /predicts sample/, { 'modelspec.prediction_type': 'sample' }],
    ['a shifted VAE', {}, /EQ-VAE.*ss_vae_custom_shift.*vae_scaling=/, { ss_vae_custom_shift: '-0.4743' }],
    ['EQ-VAE in the title', {}, /EQ-VAE/, { 'modelspec.title': 'NoobAI-XL EQ-VAE' }],
    ['the VAE of FLUX.2', { [`${unet}input_blocks.0.0.weight`]: [320, 32, 3, 3] }, /latents of 32 channels/],
    ['scaled fp8', { [`${unet}scaled_fp8`]: [] }, /scaled fp8 weights.*fp16/],
    ['fp8 with scales', { [`${unet}out.2.scale_weight`]: [] }, /scaled fp8 weights/],
    ['bitsandbytes', { [`${unet}out.2.weight.absmax`]: [4] }, /quantised weights \(bitsandbytes\)/],
    ['nf4', { [`${unet}out.2.weight.quant_state.bitsandbytes__nf4`]: [4] }, /bitsandbytes/],
    ['an LCM', { [`${unet}time_embed.cond_proj.weight`]: [4, 4] }, /distilled model \(LCM\)/],
    [
      'SSD-1B',
      depths({ 'input_blocks.4': 2, 'input_blocks.5': 2, 'input_blocks.7': 4, 'input_blocks.8': 4 }),
      /is SSD-1B, a smaller relative of SDXL/,
    ],
    [
      'Vega',
      depths({ 'input_blocks.4': 1, 'input_blocks.5': 1, 'input_blocks.7': 2, 'input_blocks.8': 2 }),
      /is Segmind Vega/,
    ],
    ['KOALA', depths({ 'input_blocks.3': 2, 'input_blocks.5': 6, middle_block: 6 }), /is KOALA 1B/],
  ])('refuses %s by name', async (_name, tensors, message, metadata) => {
    const path = join(root, `model-${count++}.safetensors`);
    writeFileSync(path, safetensors({ ...kinds.sdxl, ...tensors }, metadata));
    expect(await failure(path)).toMatch(message);
  });

  it('refuses packed weights by their type', async () => {
    const path = join(root, 'packed.safetensors');
    const file = safetensors({ ...kinds.sdxl, [`${unet}out.2.weight`]: [4, 4] });
    const at = file.indexOf(`"${unet}out.2.weight":{"dtype":"F16"`);
    file.write('"U16"', file.indexOf('"F16"', at));
    writeFileSync(path, file);
    expect(await failure(path)).toMatch(/quantised weights \(\S+ is U16\)/);
  });

  it('refuses a VAE of its own that the name tells, until it is said how its latents are scaled', async () => {
    const path = join(root, 'noob-eqvae-b4.safetensors');
    writeFileSync(path, safetensors(kinds.sdxl));
    expect(await failure(path)).toMatch(/EQ-VAE/);
    expect(await identifyModel(path, { scaled: true })).toMatchObject({ prediction: 'epsilon' });
  });

  it.each<[string, Record<string, string>, Record<string, unknown>]>([
    ['what it predicts', { 'modelspec.prediction_type': 'flow' }, { predictionFrom: 'marker' }],
    ['what ComfyUI wrote', { 'modelspec.predict_key': 'rectified_flow' }, { predictionFrom: 'marker' }],
    ['its title', { 'modelspec.title': 'Noob Rectified-Flow test' }, { predictionFrom: 'marker' }],
    [
      'how it was trained',
      { ss_flow_model: 'True', ss_flow_uniform_static_ratio: '2.0', ss_flow_use_ot: 'True' },
      { predictionFrom: 'marker', flowShift: 2 },
    ],
    [
      'how its VAE is scaled',
      {
        ss_flow_model: 'True',
        vae_custom_scale: '0.1406',
        vae_custom_shift: '-0.4743',
        vae_reflection_padding: 'True',
      },
      { vaeScaling: { scale: 0.1406, shift: -0.4743, reflect: true } },
    ],
    ['nothing but a shift that is none', { ss_flow_model: 'True', flow_shift: 'high' }, { predictionFrom: 'marker' }],
  ])('knows rectified flow by %s', async (_, metadata, facts) => {
    const path = join(root, 'flow.safetensors');
    writeFileSync(path, safetensors(kinds.sdxl, metadata));
    const found = await identifyModel(path);
    expect(found).toMatchObject({ family: 'sdxl', prediction: 'flow', zeroTerminalSnr: false, ...facts });
    expect('flowShift' in found).toBe('flowShift' in facts);
  });

  it('takes rectified flow from a name only where nothing else contradicts it', async () => {
    const path = join(root, 'Rectified_Flow-XL.safetensors');
    writeFileSync(path, safetensors(kinds.sdxl));
    expect(await identifyModel(path)).toMatchObject({ prediction: 'flow', predictionFrom: 'assumed' });
    writeFileSync(path, safetensors({ ...kinds.sdxl, v_pred: [] }));
    expect(await identifyModel(path)).toMatchObject({ prediction: 'v_prediction', predictionFrom: 'marker' });
  });

  it('accepts a usual model whose metadata has such settings off, and whose name is similar', async () => {
    const path = join(root, 'workflow-matchless-RF.safetensors');
    writeFileSync(
      path,
      safetensors(kinds.sdxl, {
        ss_flow_model: 'False',
        ss_vae_custom_shift: 'None',
        'modelspec.predict_key': 'epsilon',
      }),
    );
    expect(await identifyModel(path)).toMatchObject({ family: 'sdxl', predictionFrom: 'marker' });
  });

  it('takes SDXL itself, with its own depths', async () => {
    const path = join(root, 'whole.safetensors');
    const own = depths({
      'input_blocks.4': 2,
      'input_blocks.5': 2,
      'input_blocks.7': 10,
      'input_blocks.8': 10,
      middle_block: 10,
    });
    writeFileSync(path, safetensors({ ...kinds.sdxl, ...own }));
    expect(await identifyModel(path)).toMatchObject({ family: 'sdxl' });
  });
});

describe('settings of a diffusers folder', () => {
  const tiny = join(import.meta.dirname, '../../../presets/tiny/sd15');
  const scheduler = JSON.parse(readFileSync(join(tiny, 'scheduler', 'scheduler_config.json'), 'utf8'));

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['scheduler/scheduler_config.json', { _class_name: 'EDMDPMSolverMultistepScheduler' }, /EDM noise schedule/],
    ['scheduler/scheduler_config.json', { _class_name: 'FlowMatchLCMScheduler' }, /flow-matching model of another/],
    [
      'scheduler/scheduler_config.json',
      { _class_name: 'FlowMatchEulerDiscreteScheduler', use_dynamic_shifting: true },
      /use_dynamic_shifting/,
    ],
    ['scheduler/scheduler_config.json', { _class_name: 'LCMScheduler' }, /distilled/],
    ['scheduler/scheduler_config.json', { _class_name: 'TomorrowScheduler' }, /TomorrowScheduler, which is not known/],
    ['scheduler/scheduler_config.json', { sigma_data: 0.5 }, /sigma_data/],
    ['scheduler/scheduler_config.json', { sigma_max: 120, timestep_type: 'continuous' }, /EDM noise schedule/],
    ['scheduler/scheduler_config.json', { beta_schedule: 'squaredcos_cap_v2' }, /squaredcos_cap_v2/],
    ['scheduler/scheduler_config.json', { trained_betas: [0.1, 0.2] }, /trained_betas/],
    ['scheduler/scheduler_config.json', { num_train_timesteps: 1e9 }, /num_train_timesteps is 1000000000/],
    ['vae/config.json', { latents_mean: [1, 2, 3, 4] }, /latents_mean, latents_std/],
    ['vae/config.json', { shift_factor: 'a lot' }, /shift_factor/],
    ['vae/config.json', { latent_channels: 16 }, /latents of 16 channels/],
    ['vae/config.json', { _class_name: 'AutoencoderTiny' }, /AutoencoderTiny/],
    ['unet/config.json', { time_cond_proj_dim: 256 }, /distilled model \(LCM\)/],
    ['unet/config.json', { layers_per_block: 1e8 }, /layers_per_block is 100000000/],
    ['unet/config.json', { quantization_config: { load_in_4bit: true } }, /quantised weights/],
    ['text_encoder/config.json', { num_hidden_layers: 1e8 }, /num_hidden_layers is 100000000/],
  ])('refuses %s with %o', async (file, change, message) => {
    const path = join(root, `folder-${count++}`);
    cpSync(tiny, path, { recursive: true });
    writeFileSync(
      join(path, file),
      JSON.stringify({ ...JSON.parse(readFileSync(join(path, file), 'utf8')), ...change }),
    );
    expect(await failure(path)).toMatch(message);
  });

  it('knows every sampler over the usual schedule, and reports an unknown setting', () => {
    for (const _class_name of ['DDIMScheduler', 'EulerDiscreteScheduler', 'DPMSolverMultistepScheduler'])
      expect(judgeScheduler({ ...scheduler, _class_name })).toEqual({ unknown: [] });
    expect(judgeScheduler({ ...scheduler, sigma_dance: 2, off: false })).toEqual({ unknown: ['sigma_dance'] });
    expect(judgeVae({ scaling_factor: 0.18215, latents_mean: null, shift_factor: null })).toEqual({ unknown: [] });
  });

  it('accepts the embedded model without a warning', () => {
    const base = { family: 'sd15', layout: 'diffusers', path: tiny, configDir: null, vaePath: null } as const;
    expect(checkBase(base)).toEqual([]);
  });
});

it('names VAEs that the registry has', () => {
  const { assets } = loadRegistry({ configDir: root });
  for (const [family, id] of Object.entries(vaeFor))
    expect(assets.find((asset) => asset.id === id)).toMatchObject({ kind: 'vae', families: [family] });
});
