import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BaseOnDisk, checkBase } from '../../../src/registry/checkpoints/complete.ts';
import { identifyModel } from '../../../src/registry/checkpoints/identify.ts';
import { readSafetensorsHeader } from '../../../src/registry/checkpoints/safetensors.ts';
import { refusalOf } from '../../helpers/refused.ts';
import { safetensors } from '../../helpers/safetensors.ts';
import { likeFile, makeTinyModels } from '../../helpers/tiny-models.ts';

const root = mkdtempSync(join(tmpdir(), 'vt-complete-'));
const at = (...names: string[]) => join(root, ...names);
beforeAll(() => makeTinyModels(root));

const single = (family: 'sd15' | 'sdxl', path = at(`${family}.safetensors`)): BaseOnDisk => ({
  family,
  layout: 'single_file',
  path,
  configDir: at(family),
  vaePath: null,
});
const refusal = (base: BaseOnDisk) => refusalOf(() => checkBase(base));
let count = 0;
function changed(family: 'sd15' | 'sdxl', rename: (name: string) => string | undefined): string {
  const path = at(`changed-${count++}.safetensors`);
  likeFile(at(`${family}.safetensors`), path, rename);
  return path;
}

describe('a base model on this machine', () => {
  it.each(['sd15', 'sdxl'] as const)('has all that %s must have, as a file and as a folder', (family) => {
    expect(checkBase(single(family))).toEqual([]);
    expect(checkBase({ family, layout: 'diffusers', path: at(family), configDir: null, vaePath: null })).toEqual([]);
  });

  it('is refused by count and name when its U-Net is a smaller relative, before anything is encoded', async () => {
    const path = changed('sdxl', (name) => (name.includes('.transformer_blocks.1.') ? undefined : name));
    expect(await refusal(single('sdxl', path))).toMatch(
      /its U-Net lacks \d+ of \d+ weights \(\S+transformer_blocks\.1\./,
    );
  });

  it.each(['first_stage_model.decoder.', 'transformer.resblocks.2.', 'text_model.encoder.layers.1.'])(
    'is refused without %s',
    async (missing) => {
      const path = changed('sdxl', (name) => (name.includes(missing) ? undefined : name));
      expect(await refusal(single('sdxl', path))).toMatch(/lacks \d+ of \d+ weights/);
    },
  );

  it('may have the doubled name of Playground v2', () => {
    const end = 'text_projection';
    const path = changed('sdxl', (name) => (name.endsWith(end) ? `${name}.weight.weight` : name));
    expect(checkBase(single('sdxl', path))).toEqual([]);
  });

  it('reports unknown tensors within its parts, and is silent on the usual leftovers', () => {
    const odd = changed('sd15', (name) => name.replace('input_blocks.0.0.bias', 'adapter_x.bias'));
    expect(checkBase(single('sd15', odd))).toEqual([expect.stringContaining('(model.diffusion_model.adapter_x.bias)')]);
    const leftovers = changed('sd15', (name) =>
      name.replace('model.diffusion_model.input_blocks.0.0.bias', 'model_ema.input_blocks00bias'),
    );
    expect(checkBase(single('sd15', leftovers))).toEqual([]);
  });

  it('is accepted without a warning with what merges and old programs leave behind', () => {
    const clip = 'cond_stage_model.transformer.';
    const { tensors } = readSafetensorsHeader(at('sd15.safetensors'));
    const merged = {
      ...Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape])),
      'model_ema.decay': [],
      'model_ema.num_updates': [],
      alphas_cumprod: [1000],
      betas: [1000],
      'cond_stage_model.logit_scale': [],
      [`${clip}visual_projection.weight`]: [4, 4],
      [`${clip}text_model.embeddings.position_ids`]: [1, 77],
    };
    writeFileSync(at('merged.safetensors'), safetensors(merged));
    expect(checkBase(single('sd15', at('merged.safetensors')))).toEqual([]);
    const old = changed('sd15', (name) => name.replace(`${clip}text_model.`, clip));
    expect(checkBase(single('sd15', old))).toEqual([]);
  });

  it('has no more blocks than a model can have', async () => {
    cpSync(at('sd15'), at('endless'), { recursive: true });
    const config = at('endless', 'text_encoder', 'config.json');
    writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), num_hidden_layers: 1e8 }));
    expect(await refusal({ ...single('sd15'), configDir: at('endless') })).toMatch(
      /num_hidden_layers is 100000000; no model of these families has that/,
    );
  });
});

describe('a checkpoint without a VAE', () => {
  const own = (name: string) => (name.startsWith('first_stage_model.') ? undefined : name);

  it('is complete with a VAE of its own, as a file or a folder, and the error without one says so', async () => {
    const path = changed('sd15', own);
    await expect(identifyModel(path)).rejects.toThrow(/is Stable Diffusion 1\.5 without its VAE/);
    expect(await identifyModel(path, { ownVae: true })).toMatchObject({ family: 'sd15', lacksVae: true });
    expect(await refusal(single('sd15', path))).toMatch(/Name one in model\.vae: sd-vae-ft-mse/);
    const vae = changed('sd15', (name) => (name.startsWith('first_stage_model.') ? name.slice(18) : undefined));
    for (const vaePath of [at('sd15', 'vae'), vae]) expect(checkBase({ ...single('sd15', path), vaePath })).toEqual([]);
  });

  it('is refused with a VAE that is not whole', async () => {
    const vae = changed('sd15', (name) => (name.includes('first_stage_model.encoder.') ? name : undefined));
    expect(await refusal({ ...single('sd15'), vaePath: vae })).toMatch(/its VAE lacks/);
  });
});
