/** `lora inspect`, `check` and `edit` on files of every kind, each made here. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { inspectLora } from '../../../src/engine/lora/inspect.ts';
import { cli } from '../../helpers/cli.ts';
import { png } from '../../helpers/png.ts';
import { kinds, safetensors } from '../../helpers/safetensors.ts';

const dir = mkdtempSync(join(tmpdir(), 'vt-lora-'));
const env = { ...process.env, VISIONTRAIN_HOME: dir };
afterAll(() => rmSync(dir, { recursive: true, force: true }));

type Tensor = readonly [dtype: string, shape: readonly number[], bytes: Buffer];

/** A file with these tensors; `change` alters its header before it is written. */
function write(
  name: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
  change: (header: Record<string, { shape: number[]; data_offsets: number[] }>) => void = () => {},
): string {
  let end = 0;
  const entries = Object.entries(tensors).map(([key, [dtype, shape, bytes]]) => {
    end += bytes.length;
    return [key, { dtype, shape: [...shape], data_offsets: [end - bytes.length, end] }] satisfies [string, object];
  });
  const header: Record<string, { shape: number[]; data_offsets: number[] }> = Object.fromEntries(entries);
  change(header);
  const json = Buffer.from(JSON.stringify({ __metadata__: metadata, ...header }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const path = join(dir, `${name}.safetensors`);
  writeFileSync(path, Buffer.concat([length, json, ...Object.values(tensors).map(([, , bytes]) => bytes)]));
  return path;
}

const f32 = (...values: number[]): Buffer => Buffer.from(new Float32Array(values).buffer);
const full = (count: number, value: number): number[] => new Array<number>(count).fill(value);

const ATTN2 = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k';
/** A LoRA of rank 2 in one layer of SD 1.5. */
const plain = (value = 0.5, alpha: Buffer = f32(1)): Record<string, Tensor> => ({
  [`${ATTN2}.lora_down.weight`]: ['F32', [2, 768], f32(...full(2 * 768, 0.1))],
  [`${ATTN2}.lora_up.weight`]: ['F32', [4, 2], f32(...full(8, value))],
  [`${ATTN2}.alpha`]: ['F32', [], alpha],
});
const texts = (path: string) => inspectLora(path).problems.map(({ level, text }) => `${level}: ${text}`);

describe('inspect', () => {
  it('reads a kohya file: base, ranks, alphas, hashes', () => {
    const path = write('kohya', plain());
    const bytes = readFileSync(path);
    const payload = bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
    expect(inspectLora(path)).toMatchObject({
      kinds: { lora: 1 },
      form: 'kohya',
      base: 'SD 1.5',
      ranks: [{ part: 'unet', rank: 2, alpha: 1, layers: 1 }],
      sha256: createHash('sha256').update(bytes).digest('hex'),
      payload_sha256: createHash('sha256').update(payload).digest('hex'),
      problems: [],
    });
  });

  const unet = 'down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k';
  it.each<[string, Readonly<Record<string, readonly number[]>>, object]>([
    [
      'diffusers',
      { [`unet.${unet}.lora_A.weight`]: [4, 2048], [`unet.${unet}.lora_B.weight`]: [640, 4] },
      { form: 'diffusers', base: 'SDXL', kinds: { lora: 1 } },
    ],
    [
      'peft',
      {
        [`base_model.model.${unet}.lora_A.default.weight`]: [4, 768],
        [`base_model.model.${unet}.lora_B.default.weight`]: [320, 4],
      },
      { form: 'peft', base: 'SD 1.5', kinds: { lora: 1 } },
    ],
    [
      'old diffusers',
      {
        [`unet.${unet}.processor.to_k_lora.down.weight`]: [4, 768],
        [`unet.${unet}.processor.to_k_lora.up.weight`]: [320, 4],
      },
      { form: 'diffusers', kinds: { lora: 1 } },
    ],
    [
      'loha',
      {
        'lora_unet_x.hada_w1_a': [8, 4],
        'lora_unet_x.hada_w1_b': [4, 8],
        'lora_unet_x.hada_w2_a': [8, 4],
        'lora_unet_x.hada_w2_b': [4, 8],
        'lora_unet_x.alpha': [],
      },
      { kinds: { loha: 1 } },
    ],
    [
      'lokr',
      { 'lycoris_x.lokr_w1': [4, 4], 'lycoris_x.lokr_w2_a': [8, 4], 'lycoris_x.lokr_w2_b': [4, 8] },
      { form: 'lycoris', kinds: { lokr: 1 } },
    ],
    [
      'dora',
      {
        'lora_unet_x.lora_down.weight': [4, 8],
        'lora_unet_x.lora_up.weight': [8, 4],
        'lora_unet_x.dora_scale': [1, 8],
      },
      { kinds: { dora: 1 } },
    ],
    [
      'tucker',
      {
        'lora_unet_x.lora_down.weight': [4, 8, 1, 1],
        'lora_unet_x.lora_mid.weight': [4, 4, 3, 3],
        'lora_unet_x.lora_up.weight': [8, 4, 1, 1],
      },
      { kinds: { tucker: 1 } },
    ],
    ['oft', { 'lora_unet_x.oft_blocks': [4, 8, 8], 'lora_unet_x.rescale': [32, 1] }, { kinds: { oft: 1 } }],
    ['boft', { 'lora_unet_x.oft_blocks': [3, 4, 8, 8] }, { kinds: { boft: 1 } }],
    ['ia3', { 'lora_unet_x.weight': [8], 'lora_unet_x.on_input': [] }, { kinds: { ia3: 1 } }],
    ['norms', { 'lora_unet_x.w_norm': [8], 'lora_unet_x.b_norm': [8] }, { kinds: { norm: 1 } }],
    [
      'omi',
      {
        'unet.input_blocks.4.1.transformer_blocks.0.attn2.to_k.lora_down.weight': [4, 2048],
        'unet.input_blocks.4.1.transformer_blocks.0.attn2.to_k.lora_up.weight': [640, 4],
        'clip_g.text_model.encoder.layers.0.mlp.fc1.lora_down.weight': [4, 1280],
        'clip_g.text_model.encoder.layers.0.mlp.fc1.lora_up.weight': [5120, 4],
      },
      { form: 'omi', base: 'SDXL', kinds: { lora: 2 } },
    ],
    ['glora', { 'lora_unet_x.a1.weight': [4, 8], 'lora_unet_x.a2.weight': [8, 4] }, { kinds: { glora: 1 } }],
    [
      'flux',
      {
        'lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight': [4, 3072],
        'lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight': [64, 4],
      },
      { base: 'FLUX' },
    ],
  ])('knows a file of %s', (name, shapes, what) => {
    const path = join(dir, `${name}.safetensors`);
    writeFileSync(path, safetensors(shapes));
    expect(inspectLora(path)).toMatchObject(what);
  });

  it('finds the program that trained a file, and alphas and steps that only the metadata tells', () => {
    const layer = `unet.${unet}`;
    const shapes = { [`${layer}.lora_A.weight`]: [4, 768], [`${layer}.lora_B.weight`]: [320, 4] };
    const peft = {
      lora_adapter_metadata: JSON.stringify({ 'unet.lora_alpha': 8, 'unet.alpha_pattern': { 'attn2.to_k': 2 } }),
    };
    const told = (metadata: Readonly<Record<string, string>>) => {
      const path = join(dir, 'told.safetensors');
      writeFileSync(path, safetensors(shapes, metadata));
      return inspectLora(path);
    };
    expect(told({ ...peft, 'modelspec.architecture': 'sd1x/lora', trained_words: 'zfx' })).toMatchObject({
      about: { trainer: 'SimpleTuner', trigger: 'zfx' },
      ranks: [{ rank: 4, alpha: 2 }],
    });
    expect(told(peft).about.trainer).toBe('diffusers and peft');
    const software = JSON.stringify({ name: 'ai-toolkit', url: 'x' });
    const theirs = told({ software, training_info: '{"step": 1500, "epoch": 9}', name: 'fox' }).about;
    expect(theirs).toMatchObject({ trainer: 'ai-toolkit', title: 'fox' });
    expect(theirs.training).toEqual([
      ['steps', '1500'],
      ['epochs', '9'],
    ]);
    expect(told({ ot_branch: 'master' }).about.trainer).toBe('OneTrainer');
    expect(told({ ss_sd_scripts_commit_hash: 'x' }).about.trainer).toBe('sd-scripts');
    expect(told({ 'visiontrain.spec_sha256': 'x', ss_steps: '1' }).about.trainer).toBe('visiontrain');
    const hostile = { software: '[', training_info: '7', lora_adapter_metadata: '[1]' };
    expect(told(hostile).about.trainer).toBe('diffusers and peft');
    expect(told({ lora_adapter_metadata: '{"unet.use_rslora": true, "unet.lora_alpha": 3}' }).ranks[0]?.alpha).toBe(6);
  });

  it('takes the family from the metadata where the layers leave it open', () => {
    const path = join(dir, 'open.safetensors');
    for (const [name, base] of [
      ['sdxl_1.0', 'SDXL'],
      ['sd_v1', 'SD 1.5'],
      ['flux2', 'FLUX'],
      ['something', null],
    ] as const) {
      writeFileSync(path, safetensors({ 'lora_unet_x.oft_blocks': [4, 8, 8] }, { ss_base_model_version: name }));
      expect(inspectLora(path).base).toBe(base);
    }
  });

  it('reads alphas of every number format, and missing ones', () => {
    const one = {
      F32: f32(8),
      F16: Buffer.from([0x00, 0x48]),
      BF16: Buffer.from([0x00, 0x41]),
      I64: Buffer.from([8, 0, 0, 0, 0, 0, 0, 0]),
    };
    for (const [dtype, bytes] of Object.entries(one)) {
      const path = write(`alpha-${dtype}`, { ...plain(), [`${ATTN2}.alpha`]: [dtype, [], bytes] });
      expect(inspectLora(path).ranks[0]?.alpha, dtype).toBe(8);
    }
    const { [`${ATTN2}.alpha`]: _, ...without } = plain();
    expect(inspectLora(write('no-alpha', without)).ranks[0]?.alpha).toBeNull();
  });
});

describe('check', () => {
  it('finds numbers that are not finite in every number format', () => {
    const nan: Record<string, Buffer> = {
      F32: f32(Number.NaN, Number.NEGATIVE_INFINITY),
      F16: Buffer.from([0x00, 0x7e, 0x00, 0xfc]),
      BF16: Buffer.from([0xc0, 0x7f, 0x80, 0xff]),
      F8_E4M3: Buffer.from([0x7f, 0xff]),
      F8_E5M2: Buffer.from([0x7c, 0xff]),
    };
    for (const [dtype, bytes] of Object.entries(nan)) {
      const path = write(`nan-${dtype}`, {
        ...plain(),
        'lora_unet_x.lora_up.weight': [dtype, [2, 1], bytes],
        'lora_unet_x.lora_down.weight': ['F32', [1, 1], f32(1)],
      });
      expect(texts(path), dtype).toContain('bad: 2 numbers not finite, in lora_unet_x.lora_up.weight');
    }
  });

  it('names zeros, halves, unequal ranks and an alpha of 0', () => {
    expect(texts(write('zero', plain(0)))).toContain('bad: all its layers are zero: it does nothing');
    expect(texts(write('minus-zero', plain(-0)))).toContain('bad: all its layers are zero: it does nothing');
    const { [`${ATTN2}.lora_up.weight`]: _, ...half } = plain();
    expect(texts(write('half', half))).toContain(`bad: one half is missing of ${ATTN2}`);
    const unequal = { ...plain(), [`${ATTN2}.lora_up.weight`]: ['F32', [2, 4], f32(...full(8, 1))] as const };
    expect(texts(write('unequal', unequal))).toContain(`bad: the two halves have different ranks in ${ATTN2}`);
    expect(texts(write('alpha-0', plain(1, f32(0)))).join()).toContain('alpha is 0');
    // The alpha of an OFT bounds its rotations, and 0 means no bound.
    const oft = {
      'lora_unet_x.oft_blocks': ['F32', [1, 2, 2], f32(0, 1, 0, 0)],
      'lora_unet_x.alpha': ['F32', [], f32(0)],
    };
    expect(texts(write('oft-0', oft as unknown as Record<string, Tensor>))).toEqual([]);
    const two = { ...plain(), [`${ATTN2}.alpha`]: ['F32', [2], f32(1, 1)] as const };
    expect(texts(write('alpha-2', two))).toContain(`bad: alpha has several numbers or none in ${ATTN2}`);
    const other = `unet.${ATTN2.slice('lora_unet_'.length)}`;
    const twice = { ...plain(), [`${other}.lora_A.weight`]: ['F32', [1, 1], f32(1)] as const };
    expect(texts(write('twice', twice)).join()).toContain('the same layer is there under two names');
    const turned = { 'lora_unet_x.oft_R.weight': ['F32', [1, 1], f32(1)] as const };
    expect(texts(write('turned', turned)).join()).toContain('it is an OFT of OneTrainer or peft');
    expect(texts(write('hash', plain(), { sshs_model_hash: 'ab'.repeat(32) })).join()).toContain('changed since');
  });

  it('is not misled by a false header, and refuses files that are not safetensors', async () => {
    const lies = write('lies', plain(), {}, (header) => {
      (header[`${ATTN2}.lora_up.weight`] as { shape: number[] }).shape = [1000, 1000];
    });
    expect(texts(lies).join()).toContain('the header lies about the size');
    const backwards = write('backwards', plain(), {}, (header) => {
      (header[`${ATTN2}.alpha`] as { data_offsets: number[] }).data_offsets = [8, 4];
    });
    expect(texts(backwards).join()).toContain('the header lies about the size');
    const over = write('over', plain(), {}, (header) => {
      (header[`${ATTN2}.alpha`] as { data_offsets: number[] }).data_offsets = [0, 4];
    });
    expect(texts(over).join()).toContain('lie over each other');
    const cut = join(dir, 'cut.safetensors');
    writeFileSync(cut, readFileSync(write('whole', plain())).subarray(0, 600));
    for (const [file, said] of [
      [cut, 'cut short'],
      [join(dir, 'gone.safetensors'), 'is not there'],
    ]) {
      const { code, stderr } = await cli(['lora', 'check', file ?? ''], env);
      expect([code, stderr]).toEqual([2, expect.stringContaining(said ?? '')]);
    }
  });

  it('ends with 0 for sound files and with 2 for others, and knows the base', async () => {
    const sound = write('sound', plain());
    const told = await cli(['lora', 'check', sound, '--base', 'sd15', '--json'], env);
    expect(told.code).toBe(0);
    expect(JSON.parse(told.stdout).files[0]).toMatchObject({ sound: true, base: 'SD 1.5', fit: null });
    expect(told.stdout).toContain('only its family was compared');
    const other = await cli(['lora', 'check', sound, '--base', 'sdxl'], env);
    expect([other.code, other.stdout]).toEqual([2, expect.stringContaining('it is for SD 1.5; sdxl is SDXL')]);
    const shown = await cli(['lora', 'inspect', sound], env);
    expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining('not measured: Python is not set up')]);
  });

  it('shows hostile metadata as text', async () => {
    const path = write('hostile', plain(), {
      'modelspec.title': '\u001b]0;owned\u0007 fox',
      ss_tag_frequency: '{"a": 3, "b": {"fox": "x"}}',
    });
    const { code, stdout } = await cli(['lora', 'inspect', path], env);
    expect(code).toBe(0);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('fox');
  });
});

describe('edit', () => {
  it('changes the metadata and no weight', async () => {
    const from = write('edit', plain(), { ss_seed: '7', 'modelspec.author': 'Bob' });
    const to = join(dir, 'edited.safetensors');
    const image = join(dir, 'cover.png');
    writeFileSync(
      image,
      png(300, 200, (x, y) => [x % 256, y, 90]),
    );
    const flags = ['--title', 'Füchse', '--author', '', '--thumbnail', image, '-o', to, '--json'];
    const told = await cli(['lora', 'edit', from, ...flags], env);
    expect(told.code).toBe(0);
    const [before, after] = [inspectLora(from), inspectLora(to)];
    expect(after.payload_sha256).toBe(before.payload_sha256);
    expect(after.about).toMatchObject({ title: 'Füchse', author: null });
    expect(JSON.parse(told.stdout).sha256).toBe(after.sha256);
    const header = readFileSync(to);
    const { __metadata__: metadata } = JSON.parse(header.subarray(8, 8 + Number(header.readBigUInt64LE(0))).toString());
    expect(metadata.ss_seed).toBe('7');
    expect(metadata['modelspec.thumbnail']).toMatch(/^data:image\/jpeg;base64,\/9j\//);
    expect(Number(header.readBigUInt64LE(0)) % 8).toBe(0);
    // The same change again gives the same bytes, and no file is replaced.
    const again = join(dir, 'again.safetensors');
    await cli(['lora', 'edit', from, ...flags.with(7, again)], env);
    expect(readFileSync(again).equals(header)).toBe(true);
    expect((await cli(['lora', 'edit', from, ...flags], env)).code).toBe(2);
  });

  it('asks for a file to write to, and changes the file itself only when told', async () => {
    const path = write('place', plain());
    const { code, stderr } = await cli(['lora', 'edit', path, '--title', 'x'], env);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--in-place')]);
    expect((await cli(['lora', 'edit', path, '--title', 'x', '--in-place'], env)).code).toBe(0);
    expect(inspectLora(path).about.title).toBe('x');
    expect(existsSync(`${path}.tmp`)).toBe(false);
  });
});

describe.skipIf(process.env.VISIONTRAIN_TEST_PYTHON === undefined)('resize, merge, convert', () => {
  const python = { ...env, VISIONTRAIN_PYTHON: process.env.VISIONTRAIN_TEST_PYTHON };

  it('write files that describe themselves, with a given rank', async () => {
    const [one, two] = [write('one', plain(0.5)), write('two', plain(0.25))];
    const both = join(dir, 'both.safetensors');
    const merged = await cli(['lora', 'merge', `${one}:0.5`, two, '-o', both, '--json'], python);
    expect(merged).toMatchObject({ code: 0 });
    expect(JSON.parse(merged.stdout)).toMatchObject({ ranks: [4], lost: {} });
    const small = join(dir, 'small.safetensors');
    const resized = await cli(['lora', 'resize', both, '--rank', '1', '-o', small], python);
    expect(resized).toMatchObject({ code: 0, stdout: `${small}\n` });
    // Both files have rank 1 in truth.
    expect(resized.stderr).toContain('0.0 % lost');
    expect(inspectLora(small)).toMatchObject({ base: 'SD 1.5', problems: [], ranks: [{ rank: 1 }] });
    const named = join(dir, 'named.safetensors');
    expect((await cli(['lora', 'convert', small, '--to', 'diffusers', '-o', named], python)).code).toBe(0);
    const pieces = ['w1_a', 'w1_b', 'w2_a', 'w2_b'].map((piece) => [
      `${ATTN2}.hada_${piece}`,
      piece.endsWith('a') ? [4, 2] : [2, 768],
    ]);
    const loha = join(dir, 'to-make-small.safetensors');
    writeFileSync(loha, safetensors(Object.fromEntries(pieces)));
    const refused = await cli(['lora', 'convert', loha, '--to', 'kohya', '-o', `${loha}.none`], python);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--rank 32')]);
    const made = await cli(['lora', 'convert', loha, '--rank', '2', '-o', `${loha}.lora`, '--json'], python);
    expect(JSON.parse(made.stdout)).toMatchObject({ ranks: [2], left: [] });
    expect(inspectLora(named)).toMatchObject({ form: 'diffusers', base: 'SD 1.5' });
  });

  it('measure a file by block, and two beside each other', async () => {
    const [one, two] = [write('long', plain(0.5), { ss_seed: '1' }), write('longer', plain(0.75), { ss_seed: '2' })];
    const told = await cli(['lora', 'inspect', one, '--json'], python);
    const [{ norms }] = JSON.parse(told.stdout);
    expect(norms.whole).toBeGreaterThan(0);
    expect(norms.blocks.map(({ block }: { block: string }) => block)).toContain('down_blocks.0');
    const apart = await cli(['lora', 'diff', one, two, '--json'], python);
    expect(apart.code).toBe(0);
    const { whole, metadata, only_first } = JSON.parse(apart.stdout);
    expect(whole.distance).toBeGreaterThan(0);
    expect(whole.cosine).toBeCloseTo(1, 5);
    expect([metadata, only_first]).toEqual([[{ key: 'ss_seed', first: '1', second: '2' }], []]);
    const shown = await cli(['lora', 'diff', one, one], python);
    expect(shown.stdout).toContain('the same, byte by byte');
    expect((await cli(['lora', 'diff', one], python)).code).toBe(2);
  });

  it('name LoRAs that fit a base, and write a checkpoint with the LoRA merged into it', async () => {
    const one = write('into', plain());
    const base = join(dir, 'base.safetensors');
    const attention = 'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight';
    writeFileSync(base, safetensors({ ...kinds.sd15, [attention]: [4, 768] }, { about: 'mine' }));
    const told = await cli(['lora', 'check', one, '--base', base, '--json'], python);
    expect(told.code).toBe(0);
    expect(JSON.parse(told.stdout).files[0].fit.parts).toEqual({ unet: { fits: 1, missing: 0, unfit: 0 } });
    const to = join(dir, 'merged.safetensors');
    const merged = await cli(['lora', 'merge', `${one}:0.5`, '--into', base, '-o', to, '--json'], python);
    expect(merged.code).toBe(0);
    expect(JSON.parse(merged.stdout)).toMatchObject({ path: to, changed: 1, left: [] });
    expect(readFileSync(to).length).toBeGreaterThan(readFileSync(base).length);
    const again = await cli(['lora', 'merge', one, '--into', base, '-o', to], python);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('is there already')]);
    const gone = await cli(['lora', 'merge', one, '--into', 'sd15', '-o', `${to}2`], python);
    expect([gone.code, gone.stderr]).toEqual([2, expect.stringContaining('models pull sd15')]);
  });

  it('merge into a diffusers folder: another folder, whose weights are W + strength · ΔW', async () => {
    const tiny = join(import.meta.dirname, '../../../presets/tiny/sd15');
    const one = write('tiny', {
      [`${ATTN2}.lora_down.weight`]: ['F32', [2, 64], f32(...full(2 * 64, 0.1))],
      [`${ATTN2}.lora_up.weight`]: ['F32', [32, 2], f32(...full(64, 0.5))],
      [`${ATTN2}.alpha`]: ['F32', [], f32(1)],
    });
    const to = join(dir, 'tiny-merged');
    const merged = await cli(['lora', 'merge', `${one}:0.5`, '--into', tiny, '-o', to, '--json'], python);
    expect(merged.code, merged.stderr).toBe(0);
    expect(JSON.parse(merged.stdout)).toMatchObject({ path: to, changed: 1, left: [], omitted: [] });
    const names = (folder: string) => readdirSync(folder, { recursive: true }).toSorted();
    expect(names(to)).toEqual(names(tiny));
    const script = `
import sys
import numpy as np
from safetensors.numpy import load_file
name, changed = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight", []
was, now = (load_file(f"{folder}/unet/diffusion_pytorch_model.safetensors") for folder in sys.argv[1:])
changed = [key for key in was if not np.array_equal(was[key], now[key])]
# alpha 1 over rank 2, and the strength: 0.5 · 0.5 · (0.5 · 0.1 + 0.5 · 0.1).
apart = np.abs(now[name].astype("f8") - was[name].astype("f8") - 0.025).max()
print(changed == [name], apart < 1e-3)
`;
    const seen = execFileSync(python.VISIONTRAIN_PYTHON ?? '', ['-c', script, tiny, to], { encoding: 'utf8' });
    expect(seen).toBe('True True\n');
    for (const [place, said] of [
      [join(dir, 'one.safetensors'), 'names a file'],
      [join(tiny, 'unet', 'merged'), 'that model is not changed'],
      [to, 'is there already'],
    ] as const) {
      const refused = await cli(['lora', 'merge', one, '--into', tiny, '-o', place], python);
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(said)]);
    }
  });

  it('refuse impossible requests', async () => {
    const one = write('refused', plain());
    const sdxl = join(dir, 'diffusers.safetensors');
    for (const [args, said] of [
      [['merge', one, sdxl, '-o', 'x'], 'different base models'],
      [['merge', one, '-o', 'x'], 'two LoRA files'],
      [['resize', one, '-o', 'x'], 'to which rank'],
      [['resize', one, '--rank', '0', '-o', 'x'], 'a whole number from 1'],
      [['resize', one, '--rank', '1'], '-o FILE'],
      [['resize', one, '--rank', '1', '-o', one], 'is there already'],
      [['convert', one, '--to', 'cloud', '-o', 'x'], 'kohya, diffusers'],
    ] as const) {
      const { code, stderr } = await cli(['lora', ...args], python);
      expect([code, stderr], args.join(' ')).toEqual([2, expect.stringContaining(said)]);
    }
  });
});
