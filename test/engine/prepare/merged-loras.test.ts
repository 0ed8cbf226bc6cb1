import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import { fillSpec } from '../../../src/engine/prepare/fill.ts';
import { mergedLoras } from '../../../src/engine/prepare/merged-loras.ts';
import { testRegistry } from '../../helpers/registry.ts';

const dir = mkdtempSync(join(tmpdir(), 'vt-merged-'));

/** A safetensors file whose tensors are fp32 and hold `value` everywhere. */
function lora(name: string, shapes: Readonly<Record<string, readonly number[]>>, value = 0): string {
  let end = 0;
  const header: Record<string, unknown> = {};
  for (const [tensor, shape] of Object.entries(shapes)) {
    const bytes = 4 * shape.reduce((all, side) => all * side, 1);
    header[tensor] = { dtype: 'F32', shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const data = Buffer.alloc(end);
  for (let i = 0; i < end; i += 4) data.writeFloatLE(value, i);
  writeFileSync(join(dir, name), Buffer.concat([length, text, data]));
  return name;
}

const unet = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0';
const plain = (rank: number, width = 768) => ({
  [`${unet}_attn2_to_k.lora_down.weight`]: [rank, width],
  [`${unet}_attn2_to_k.lora_up.weight`]: [320, rank],
  [`${unet}_attn2_to_k.alpha`]: [],
});
const filled = (more: Readonly<Record<string, unknown>>) =>
  fillSpec({ dataset: { path: '/data' }, model: { base: 'sd15' }, ...more }, testRegistry, { dir });
const merged = (name: string) => {
  const { spec } = filled({ model: { base: 'sd15', merge_loras: [{ path: name, strength: 0.5 }] } });
  return mergedLoras(spec.model, dir, undefined);
};

describe('LoRAs to merge', () => {
  it('are known by their content and have absolute paths', async () => {
    const [one] = await merged(lora('a.safetensors', plain(4)));
    expect(one).toMatchObject({ path: join(dir, 'a.safetensors'), strength: 0.5 });
    expect(one?.sha256).toMatch(/^[0-9a-f]{64}$/u);
    const others = {
      h: { [`${unet}.hada_w1_a`]: [8, 4], [`${unet}.hada_t1`]: [4, 4, 3, 3] },
      d: { ...plain(4), [`${unet}_attn2_to_k.dora_scale`]: [1, 768] },
      o: { [`${unet}.oft_blocks`]: [8, 4, 4] },
      i: { [`${unet}.weight`]: [8], [`${unet}.on_input`]: [] },
      g: { [`${unet}.a1.weight`]: [8, 4] },
      f: { [`${unet}.diff`]: [8, 4] },
    };
    for (const [name, shapes] of Object.entries(others))
      await expect(merged(lora(`${name}.safetensors`, shapes))).resolves.toHaveLength(1);
  });

  it.each([
    ['gone.safetensors', {}, 'does not exist'],
    ['sdxl.safetensors', plain(4, 2048), 'is a LoRA of SDXL, but model.base is Stable Diffusion 1.5'],
    ['oft.safetensors', { [`${unet}.oft_R.weight`]: [8, 6] }, 'is an OFT of OneTrainer or peft'],
    ['whole.safetensors', { [`${unet}.set_weight`]: [8, 4] }, 'is a file of whole weights'],
    ['none.safetensors', { weight: [2, 2] }, 'is no LoRA'],
  ])('are refused in words: %s', async (name, shapes, said) => {
    if (Object.keys(shapes).length > 0) lora(name, shapes);
    const error: unknown = await merged(name).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).message).toContain(`model.merge_loras: `);
    expect((error as UsageError).message).toContain(said);
    expect((error as UsageError).nextSteps.length).toBeGreaterThan(0);
  });

  it('must be safetensors files', () => {
    expect(() => filled({ model: { base: 'sd15', merge_loras: [{ path: 'a.pt' }] } })).toThrow();
  });
});

describe('a LoRA that is gone on from', () => {
  const training = (more: object) => filled({ training: { init_lora: lora('b.safetensors', plain(12), 6), ...more } });

  it('gives its rank and alpha where none is given', () => {
    const { spec, provenance } = training({});
    expect([spec.training.rank, spec.training.alpha]).toEqual([12, 6]);
    expect([provenance['training.rank'], provenance['training.alpha']]).toEqual(['detected', 'detected']);
  });

  it('gives neither where the person gives one', () => {
    const { spec } = training({ rank: 32 });
    expect(spec.training.rank).toBe(32);
    expect(spec.training.alpha).toBe(filled({}).spec.training.alpha);
  });

  it('is not read where it cannot be, which another check reports', () => {
    expect(filled({ training: { init_lora: 'gone.safetensors' } }).spec.training.rank).toBe(
      filled({}).spec.training.rank,
    );
  });
});
