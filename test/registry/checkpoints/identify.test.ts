import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import { identifyModel } from '../../../src/registry/checkpoints/identify.ts';
import { readSafetensorsHeader } from '../../../src/registry/checkpoints/safetensors.ts';
import { writeTree } from '../../helpers/images.ts';
import { refusalOf } from '../../helpers/refused.ts';
import { kinds, safetensors } from '../../helpers/safetensors.ts';

const root = mkdtempSync(join(tmpdir(), 'vt-models-'));
const failure = (path: string) => refusalOf(() => identifyModel(path));
let count = 0;
function file(content: string | Uint8Array, name = `model-${count++}.safetensors`): string {
  writeFileSync(join(root, name), content);
  return join(root, name);
}
const { sd15, sdxl } = kinds;

describe('single files', () => {
  it('recognises SD1.5 and SDXL by their tensors', async () => {
    expect(await identifyModel(file(safetensors(sd15)))).toEqual({
      layout: 'single_file',
      family: 'sd15',
      prediction: 'epsilon',
      predictionFrom: 'assumed',
      zeroTerminalSnr: false,
    });
    expect(await identifyModel(file(safetensors(sdxl)))).toMatchObject({ family: 'sdxl' });
  });

  it('reads the marks of v-prediction models', async () => {
    const marked = safetensors({ ...sdxl, v_pred: [], ztsnr: [] });
    expect(await identifyModel(file(marked))).toMatchObject({
      prediction: 'v_prediction',
      predictionFrom: 'marker',
      zeroTerminalSnr: true,
    });
    const described = safetensors(sdxl, { 'modelspec.prediction_type': 'v' });
    expect(await identifyModel(file(described))).toMatchObject({
      prediction: 'v_prediction',
      predictionFrom: 'marker',
    });
    const epsilon = safetensors(sdxl, { 'modelspec.prediction_type': 'epsilon' });
    expect(await identifyModel(file(epsilon))).toMatchObject({ prediction: 'epsilon', predictionFrom: 'marker' });
  });

  const unet = 'model.diffusion_model.';
  it.each<[string, Record<string, readonly number[]>, RegExp]>([
    [
      'SD2',
      { [`${unet}input_blocks.0.0.weight`]: [320, 4, 3, 3], 'cond_stage_model.model.ln_final.weight': [4] },
      /is Stable Diffusion 2;/,
    ],
    ['inpainting', { ...sd15, [`${unet}input_blocks.0.0.weight`]: [320, 9, 3, 3] }, /an inpainting model/],
    ['pix2pix', { ...sd15, [`${unet}input_blocks.0.0.weight`]: [320, 8, 3, 3] }, /instruct-pix2pix/],
    ['SD3', { [`${unet}joint_blocks.0.context_block.attn.qkv.weight`]: [4, 4] }, /Stable Diffusion 3/],
    ['FLUX', { 'double_blocks.0.img_attn.qkv.weight': [4, 4] }, /is FLUX/],
    [
      'a LoRA',
      { 'lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight': [4, 4] },
      /a LoRA, not a base model.*init_lora/,
    ],
    ['a PEFT LoRA', { 'unet.down_blocks.0.attn.to_k.lora_A.weight': [4, 4] }, /a LoRA/],
    ['a VAE', { 'decoder.conv_in.weight': [4, 4], 'encoder.conv_in.weight': [4, 4] }, /a VAE alone.*model\.vae/],
    ['a ControlNet', { 'control_model.input_blocks.0.0.weight': [4, 4] }, /a ControlNet/],
    ['an embedding', { clip_l: [2, 768], clip_g: [2, 1280] }, /textual inversion/],
    [
      'the refiner',
      {
        [`${unet}input_blocks.0.0.weight`]: [384, 4, 3, 3],
        [`${unet}label_emb.0.0.weight`]: [4],
        'conditioner.embedders.0.model.ln_final.weight': [4],
      },
      /refiner/,
    ],
    ['a diffusers U-Net', { 'down_blocks.0.resnets.0.conv1.weight': [4, 4], 'conv_in.weight': [4, 4] }, /U-Net alone/],
    ['a text encoder', { 'text_model.embeddings.token_embedding.weight': [4, 4] }, /text encoder alone/],
    [
      'SD1.5 without its VAE',
      { [`${unet}input_blocks.0.0.weight`]: [320, 4, 3, 3], 'cond_stage_model.transformer.text_model.x': [4] },
      /without its VAE\. Name one in model\.vae: sd-vae-ft-mse/,
    ],
    ['something else', { 'layers.0.weight': [4, 4] }, /a model of an unknown kind/],
    ['nothing', {}, /a model of an unknown kind/],
  ])('refuses %s by name', async (_name, shapes, message) => {
    expect(await failure(file(safetensors(shapes)))).toMatch(message);
  });

  const whole = safetensors(sd15);
  it.each<[string, string | Uint8Array, RegExp]>([
    ['an empty file', '', /is empty/],
    ['a few bytes', 'abc', /only a few bytes/],
    [
      'a pickle',
      Buffer.from([0x80, 2, 0x7d, 0x71, 0, 0x58, 5, 0, 0, 0, 0x73]),
      /is a pickle file.*\.safetensors version/,
    ],
    ['a zip of one', Buffer.from('PK\u0003\u0004archive/data.pkl'), /is a pickle file/],
    ['a web page', '<!DOCTYPE html><html><body>Log in</body>', /is a web page/],
    ['an LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n', /Git LFS pointer/],
    ['GGUF', Buffer.from('GGUF\u0003\0\0\0\0\0\0\0\0\0\0\0'), /GGUF/],
    ['text', 'hello world, this is no model', /not a safetensors file/],
    ['a file cut short in its data', whole.subarray(0, whole.length - 10), /is cut short: .* of /],
    ['a file cut short in its header', whole.subarray(0, 100), /is cut short/],
  ])('says what is wrong with %s', async (_name, content, message) => {
    expect(await failure(file(content))).toMatch(message);
  });

  it('limits the bytes that it reads of a hostile header', async () => {
    const huge = Buffer.alloc(64, 0x7b);
    huge.writeBigUInt64LE(0x7fffffffffffffffn);
    expect(await failure(file(huge))).toMatch(/not a safetensors file/);
  });

  it('throws no error but a UsageError, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 10 }),
        fc.nat(whole.length),
        (changes, end) => {
          const damaged = Buffer.from(whole);
          for (const [at, value] of changes) damaged[at % 300] = value;
          const path = file(damaged.subarray(0, end), 'damaged.safetensors');
          try {
            readSafetensorsHeader(path);
          } catch (error) {
            expect(error).toBeInstanceOf(UsageError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('says that nothing is there', async () => {
    expect(await failure(join(root, 'none.safetensors'))).toMatch(/does not exist/);
  });
});

describe('diffusers folders', () => {
  const weights = safetensors({ weight: [2, 2] });
  const unetConfig = { in_channels: 4, cross_attention_dim: 768 };
  const base = {
    'model_index.json': JSON.stringify({ _class_name: 'StableDiffusionPipeline' }),
    'unet/config.json': JSON.stringify(unetConfig),
    'unet/diffusion_pytorch_model.safetensors': weights,
    'vae/config.json': '{}',
    'vae/diffusion_pytorch_model.fp16.safetensors': weights,
    'text_encoder/config.json': '{}',
    'tokenizer/vocab.json': '{}',
    'tokenizer/merges.txt': '',
    'text_encoder/model.safetensors': weights,
    'scheduler/scheduler_config.json': JSON.stringify({ prediction_type: 'epsilon' }),
  };
  function folder(changes: Readonly<Record<string, string | Uint8Array | null>> = {}): string {
    const path = mkdtempSync(join(tmpdir(), 'vt-folder-'));
    const files = Object.entries<string | Uint8Array | null>({ ...base, ...changes });
    writeTree(
      path,
      Object.fromEntries(files.flatMap(([name, content]) => (content === null ? [] : [[name, content]]))),
    );
    return path;
  }

  it('recognises SD1.5, also with a small U-Net', async () => {
    expect(await identifyModel(folder())).toEqual({
      layout: 'diffusers',
      family: 'sd15',
      prediction: 'epsilon',
      predictionFrom: 'config',
      zeroTerminalSnr: false,
    });
    const tiny = folder({ 'unet/config.json': JSON.stringify({ in_channels: 4, cross_attention_dim: 64 }) });
    expect(await identifyModel(tiny)).toMatchObject({ family: 'sd15' });
  });

  it('reads SDXL and its v-prediction scheduler', async () => {
    const path = folder({
      'model_index.json': JSON.stringify({
        _class_name: 'StableDiffusionXLPipeline',
        text_encoder: ['transformers', 'CLIPTextModel'],
      }),
      'unet/config.json': JSON.stringify({ in_channels: 4, cross_attention_dim: 2048, use_linear_projection: true }),
      'text_encoder_2/config.json': '{}',
      'text_encoder_2/model.safetensors': weights,
      'tokenizer_2/tokenizer.json': '{}',
      'scheduler/scheduler_config.json': JSON.stringify({
        prediction_type: 'v_prediction',
        rescale_betas_zero_snr: true,
      }),
    });
    expect(await identifyModel(path)).toMatchObject({
      family: 'sdxl',
      prediction: 'v_prediction',
      zeroTerminalSnr: true,
    });
  });

  it.each<[string, Record<string, string | Uint8Array | null>, RegExp]>([
    ['no index', { 'model_index.json': null }, /is not a model: a diffusers folder holds a model_index\.json/],
    ['broken JSON', { 'model_index.json': '{' }, /is not valid JSON/],
    ['SD2', { 'unet/config.json': JSON.stringify({ cross_attention_dim: 1024 }) }, /Stable Diffusion 2/],
    ['SD3', { 'model_index.json': '{"_class_name":"StableDiffusion3Pipeline"}' }, /Stable Diffusion 3/],
    ['FLUX', { 'model_index.json': '{"_class_name":"FluxPipeline"}' }, /FLUX/],
    ['PixArt', { 'model_index.json': '{"_class_name":"PixArtAlphaPipeline"}' }, /a PixArtAlphaPipeline/],
    ['inpainting', { 'unet/config.json': JSON.stringify({ in_channels: 9 }) }, /inpainting/],
    ['no VAE', { 'vae/diffusion_pytorch_model.fp16.safetensors': null }, /vae has no \.safetensors weights/],
    [
      'pickle weights',
      { 'unet/diffusion_pytorch_model.safetensors': null, 'unet/diffusion_pytorch_model.bin': 'x' },
      /only pickle weights/,
    ],
    [
      'cut weights',
      { 'unet/diffusion_pytorch_model.safetensors': weights.subarray(0, weights.length - 2) },
      /is cut short/,
    ],
    ['another prediction', { 'scheduler/scheduler_config.json': '{"prediction_type":"sample"}' }, /predicts sample/],
  ])('refuses: %s', async (_name, changes, message) => {
    expect(await failure(folder(changes))).toMatch(message);
  });

  it('finds the file that was meant', async () => {
    const path = mkdtempSync(join(tmpdir(), 'vt-folder-'));
    writeTree(path, { 'fox.safetensors': safetensors(sd15), 'notes.txt': 'x' });
    expect(await failure(path)).toContain(`Did you mean ${join(path, 'fox.safetensors')}?`);
    expect(readFileSync(join(path, 'notes.txt'), 'utf8')).toBe('x');
  });
});
