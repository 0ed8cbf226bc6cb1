import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EnvironmentError } from '../../../src/base/errors.ts';
import type { HashedScan } from '../../../src/engine/dataset/hash.ts';
import type { Hardware } from '../../../src/engine/hardware/probe.ts';
import type { Gpu } from '../../../src/engine/hardware/types.ts';
import { estimateTokens } from '../../../src/engine/plan/captions.ts';
import { extraPackages } from '../../../src/engine/plan/device.ts';
import { sampleIds, validationIds } from '../../../src/engine/plan/identity.ts';
import { batchesPerEpoch } from '../../../src/engine/plan/lengths.ts';
import { type PlanInput, resolvePlan } from '../../../src/engine/plan/resolve.ts';
import { validated } from '../../../src/engine/plan/samples.ts';
import type { Plan } from '../../../src/engine/plan/schema.ts';
import { planSchema } from '../../../src/engine/plan/schema.ts';
import { summarizePlan } from '../../../src/engine/plan/summarize.ts';
import { fillSpec } from '../../../src/engine/prepare/fill.ts';
import type { RunSpec } from '../../../src/spec/schema.ts';
import { loadableSpec } from '../../helpers/arbitrary-spec.ts';
import { testRegistry } from '../../helpers/registry.ts';

type Settings = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

function spec(changes: Settings = {}): RunSpec {
  const { dataset, model, ...rest } = changes;
  const document = {
    dataset: { path: 'p', trigger: 'zfx', ...dataset },
    model: { base: 'sd15', ...model },
    name: 'fox',
    ...rest,
  };
  return fillSpec(document, testRegistry).spec;
}

interface Given {
  readonly path?: string;
  readonly size?: readonly [number, number];
  readonly caption?: string | null;
  readonly repeats?: number;
}

function scan(images: readonly Given[], root = '/data/foxes'): HashedScan {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  return {
    root,
    images: images.map(({ path, size = [512, 512], caption = null, repeats = 1 }, i) => ({
      path: path ?? `p${i}.png`,
      size,
      format: 'png',
      caption,
      repeats,
      sha256: hash(`${i}`),
    })),
    leftOut: [],
    folders: [],
    others: {},
    otherCaptions: {},
    notes: [],
  };
}

const hardware = (...gpus: Gpu[]): Hardware => ({
  platform: 'linux',
  cpu: 'x',
  cpuCores: 6,
  memoryBytes: 16e9,
  gpus,
  disks: [],
});
const card = (capability: string, index = 0): Gpu => ({
  vendor: 'nvidia',
  index,
  name: `Card ${capability}`,
  totalBytes: 12e9,
  freeBytes: 11e9,
  driver: '570',
  capability,
});

function resolve(changes: Partial<PlanInput> = {}) {
  return resolvePlan({
    spec: spec(),
    dir: '/home/me',
    scan: scan(Array.from({ length: 10 }, () => ({}))),
    model: { path: '/m/sd15.safetensors', layout: 'single_file', configDir: '/m/config', vaePath: null, sha256: null },
    hardware: hardware(card('8.9')),
    lacking: [],
    cacheDir: '/cache',
    isModelId: (name) => testRegistry.models.some(({ id }) => id === name),
    ...changes,
  });
}

describe('captions', () => {
  const caption = (text: string | null, dataset: Readonly<Record<string, unknown>>) =>
    resolve({ spec: spec({ dataset }), scan: scan([{ caption: text }]) }).plan.data.images[0]?.caption;

  it.each([
    ['a red fox', {}, 'zfx, a red fox'],
    [null, {}, 'zfx'],
    [null, { default_caption: 'a fox' }, 'zfx, a fox'],
    ['ZFX sits', {}, 'ZFX sits'],
    ['a zfx, sitting', {}, 'a zfx, sitting'],
    ['a zfxy fox', {}, 'zfx, a zfxy fox'],
    [
      'a fox',
      { caption_prefix: 'best quality, ', caption_suffix: ', oil paint,' },
      'zfx, best quality, a fox, oil paint',
    ],
    ['a fox', { trigger: '' }, 'a fox'],
    ['c++ (fox)', { trigger: 'c++' }, 'c++ (fox)'],
    ['a fox-1 b', { trigger: 'fox-1' }, 'a fox-1 b'],
    ['[fox', { trigger: '[fox' }, '[fox'],
    ['a fox', { trigger: 'f\u00f6x' }, 'f\u00f6x, a fox'],
  ])('%j with %j reads %j', (text, dataset, expected) => {
    expect(caption(text, dataset)).toBe(expected);
  });
});

describe('the trigger', () => {
  const planned = (captions: readonly string[], dataset: Readonly<Record<string, unknown>>) => {
    const { data } = resolve({ spec: spec({ dataset }), scan: scan(captions.map((caption) => ({ caption }))) }).plan;
    return { captions: data.images.map(({ caption }) => caption), keep: data.keep_tags };
  };
  const back = ['smile, red hair, zwx, hat'];

  it.each([{ shuffle_tags: true }, { tag_dropout: 0.5 }])('stands in front and is kept with %j', (moved) => {
    expect(planned(back, { trigger: 'zwx', ...moved })).toEqual({ captions: ['zwx, smile, red hair, hat'], keep: 1 });
    expect(planned(['smile'], { trigger: 'zwx, blue dress', ...moved })).toEqual({
      captions: ['zwx, blue dress, smile'],
      keep: 2,
    });
    expect(planned(['smile'], { trigger: 'zwx', keep_tags: 0, ...moved }).keep).toBe(1);
    expect(planned(['smile'], { trigger: 'zwx', keep_tags: 3, ...moved }).keep).toBe(3);
    expect(planned(['smile'], { trigger: '', keep_tags: 0, ...moved }).keep).toBe(0);
  });

  it('stays where a caption has it when no tag moves', () => {
    expect(planned(back, { trigger: 'zwx' })).toEqual({ captions: back, keep: 1 });
    expect(planned(['smile'], { trigger: 'zwx, blue dress' }).keep).toBe(1);
  });
});

describe('marks of other programs', () => {
  const warnings = (captions: readonly string[], prompts: readonly string[] = ['zfx']) =>
    resolve({
      spec: spec({ samples: { prompts } }),
      scan: scan(captions.map((caption) => ({ caption }))),
    }).warnings.filter((warning) => warning.includes('other programs'));

  it('are counted in captions', () => {
    const captions = [
      String.raw`zwx \(toy series\), 1girl`,
      'zwx, (red hair:1.3), <lora:old:0.8>, smile',
      'zwx, toy, ||| red hair',
      'zwx (series), :d, rating:general, a - b, #1',
    ];
    expect(warnings(captions)).toEqual([
      String.raw`3 captions with marks of other programs (\( \), (word:1.2), <lora:…>, |||): they are read as words, so take them out; for ||| set dataset.caption_options: {keep_separator: "|||"}`,
    ]);
  });

  it('are reported in sample prompts', () => {
    expect(warnings(['a'], ['(zfx:1.3) toy, [[hat]]', 'zfx BREAK hat'])).toEqual([
      'samples.prompts hold what other programs read as commands ((word:1.2), [[word]], BREAK): here it is read as words, so write the words alone',
    ]);
  });

  it('are not found in plain captions', () => {
    expect(warnings(['zwx (series), [hat], score_9, rating:general, :d, a|b, 10:30, breakfast'])).toEqual([]);
  });
});

describe('estimateTokens', () => {
  // The numbers were counted with CLIP's byte pair encoding.
  it.each([
    ['a photo of a red fox sitting in the snow', 10],
    ['zfxemblem, 1girl, solo, looking_at_viewer, long hair, masterpiece, best quality', 22],
    ['hatsune miku, watercolour, photorealistic', 8],
    ["it's a fox-like, black-and-white emblem (1998)", 19],
    ['сова, 日本語, 🦊', 12],
  ])('%s: no fewer than the real count, and at most half as many more', (text, tokens) => {
    expect(estimateTokens(text)).toBeGreaterThanOrEqual(tokens);
    expect(estimateTokens(text)).toBeLessThanOrEqual(Math.ceil(1.5 * tokens) + 2);
  });
});

describe('the validation split', () => {
  const ids = fc.uniqueArray(fc.stringMatching(/^[0-9a-f]{16}$/u), { minLength: 1, maxLength: 60 });

  it('always leaves something to train on, and is a function of seed and ids alone', () => {
    fc.assert(
      fc.property(ids, fc.double({ min: 0, max: 0.5, noNaN: true }), fc.nat(), (all, share, seed) => {
        const chosen = validationIds(all, share, seed);
        expect(chosen.size).toBeLessThan(all.length);
        expect(chosen.size).toBeLessThanOrEqual(Math.round(all.length * share));
        expect(validationIds([...all].reverse(), share, seed)).toEqual(chosen);
      }),
    );
  });

  it('differs for another seed', () => {
    const all = sampleIds(Array.from({ length: 40 }, (_, i) => createHash('sha256').update(`${i}`).digest('hex')));
    expect(validationIds(all, 0.3, 1)).not.toEqual(validationIds(all, 0.3, 2));
  });

  it('keeps its images out of the batches', () => {
    const { plan } = resolve();
    expect(plan.data.images.filter(({ validation }) => validation)).toHaveLength(1);
    expect(plan.training.batches_per_epoch).toBe(9);
  });

  it('takes a folder of its own instead, without images that are trained on', () => {
    const own = scan(
      Array.from({ length: 12 }, (_, i) => ({ path: `v${i}.png`, caption: 'a fox' })),
      '/data/held',
    );
    const { plan } = resolve({ spec: spec({ validation: { path: './held' } }), validation: own });
    const measured = plan.data.images.filter(({ validation }) => validation);
    // The first ten have the bytes of images that are trained on.
    expect(measured.map(({ path }) => path)).toEqual(['/data/held/v10.png', '/data/held/v11.png']);
    expect(measured.map(({ caption }) => caption)).toEqual(['zfx, a fox', 'zfx, a fox']);
    expect(plan.training.batches_per_epoch).toBe(10);
    const [note] = validated(scan(Array.from({ length: 10 }, () => ({}))).images, own.images, 1).notes;
    expect(note).toBe(
      '10 pictures of validation.path trained on as well, so not measured: v0.png, v1.png, v2.png and 7 more',
    );
  });

  it('measures 64 images of a large folder, and says so', () => {
    const { images, notes } = validated([], scan(Array.from({ length: 100 }, () => ({}))).images, 7);
    expect(images).toHaveLength(64);
    expect(notes).toEqual(['the loss is measured on 64 of the 100 pictures of validation.path']);
  });

  it('proposes to keep nothing out only where that gives pictures back', () => {
    const held = scan([{ path: 'v.png' }], '/data/held');
    const told = (dataset: Record<string, unknown>, validation: Record<string, unknown> = {}) =>
      resolve({ scan: scan([{}, {}, {}]), spec: spec({ dataset, validation }), validation: held }).warnings.filter(
        (warning) => warning.includes('validation_share=0'),
      );
    expect([told({ validation_share: 0.4 }).length, told({}, { path: 'x' })]).toEqual([1, []]);
  });

  it('says when patience can never end the run, and why', () => {
    const told = (count: number, steps: number | string, every: number | string) =>
      resolve({
        scan: scan(Array.from({ length: count }, () => ({}))),
        spec: spec({
          dataset: { validation_share: 0.5 },
          training: { steps, batch_size: 1 },
          validation: { patience: 3, every },
        }),
      }).warnings.filter((warning) => warning.startsWith('validation.patience'));
    const few = 'validation.patience will not end this run: ';
    expect(told(8, 100, 5)).toEqual([`${few}4 pictures kept out of training tell too little, 8 would do`]);
    const late = (due: number) => [
      `${few}it needs 7 validations before the last step, and ${due} are due: set a smaller validation.every`,
    ];
    expect([told(16, 70, 10), told(16, '7 epochs', '1 epoch')]).toEqual([late(6), late(6)]);
    expect([told(16, 71, 10), told(16, '8 epochs', '1 epoch')]).toEqual([[], []]);
  });

  it('changes the identity of the run only where it decides what is trained', () => {
    const hash = (validation: Record<string, unknown>) => resolve({ spec: spec({ validation }) }).plan.spec_sha256;
    expect(hash({ every: 10 })).toBe(resolve().plan.spec_sha256);
    expect(hash({ min_change: 2 })).toBe(resolve().plan.spec_sha256);
    const stops = [{ patience: 5 }, { patience: 5, every: '1 epoch' }, { patience: 5, min_change: 2 }, { path: 'x' }];
    expect(new Set([resolve().plan.spec_sha256, ...stops.map(hash)]).size).toBe(5);
  });
});

describe('batches and steps', () => {
  it('counts batches bucket by bucket, folder repeats times repeats', () => {
    const images = [{ repeats: 3 }, {}, { size: [300, 600] as const }];
    const { plan } = resolve({
      spec: spec({ dataset: { validation_share: 0, repeats: 2 }, training: { batch_size: 3 } }),
      scan: scan(images),
    });
    expect(plan.data.images.map(({ repeats }) => repeats)).toEqual([6, 2, 2]);
    // The square has 8 uses in batches of 3, and the other shape has 2.
    expect(plan.training.batches_per_epoch).toBe(3 + 1);
  });

  it.each([
    [0.05, 80],
    [0, 0],
    [25, 25],
  ])('warm-up %d of 1600 steps is %i steps', (warmup, steps) => {
    expect(resolve({ spec: spec({ training: { warmup } }) }).plan.training.warmup_steps).toBe(steps);
  });

  it('gives every text encoder its rate', () => {
    const rates = (model: string, rate: unknown) =>
      resolve({ spec: spec({ model: { base: model }, training: { text_encoder_learning_rate: rate } }) }).plan.training
        .text_encoder_learning_rates;
    expect(rates('sd15', 1e-5)).toEqual([1e-5]);
    expect(rates('sdxl', 1e-5)).toEqual([1e-5, 1e-5]);
    expect(rates('sdxl', [1e-5, 0])).toEqual([1e-5, 0]);
  });

  it('is the number of tokens that captions need', () => {
    const tokens = (words: number) =>
      resolve({ scan: scan([{ caption: Array.from({ length: words }, () => 'fox').join(' ') }]) }).plan.data.max_tokens;
    expect([tokens(20), tokens(55), tokens(74), tokens(110), tokens(900)]).toEqual([75, 75, 150, 150, 225]);
  });
});

describe('a length in epochs', () => {
  it('is the same number of steps as the batches that are formed', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        (epochs, batch, passes) => {
          const { plan } = resolve({
            spec: spec({ training: { steps: `${epochs} epochs`, batch_size: batch, gradient_accumulation: passes } }),
          });
          const batches = epochs * batchesPerEpoch(plan.data.images, () => batch);
          expect(plan.training.steps).toBe(Math.ceil(batches / passes));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('has a warm-up that fits it, and says so', () => {
    const { plan, warnings } = resolve({ spec: spec({ training: { steps: '1 epoch', warmup: 1000 } }) });
    expect(plan.training.warmup_steps).toBe(Math.floor(plan.training.steps / 10));
    expect(warnings.join()).toContain('no more than the warm-up of 1000');
  });

  it('is combined with cadences in epochs and minutes', () => {
    const { plan } = resolve({
      spec: spec({ samples: { every: '2 epochs' }, output: { checkpoint_every: '1h', save_keep: 3 } }),
    });
    expect(plan.samples.every).toBe('2 epochs');
    expect(plan.output).toMatchObject({ checkpoint_every: '60 minutes', save_every: '60 minutes', save_keep: 3 });
  });
});

describe('long captions', () => {
  it('names those that will not be read to their end', () => {
    const captions = (words: number) =>
      resolve({ scan: scan([{ caption: 'fox '.repeat(words) }]) }).warnings.filter((w) => w.includes('225 tokens'));
    expect(captions(150)).toEqual([]);
    expect(captions(300)).toHaveLength(1);
  });
});

describe('device and precision', () => {
  it('takes plain AdamW where bitsandbytes has no build, and says so', () => {
    const wanted = { spec: spec({ training: { optimizer: 'adamw8bit' } }) };
    const there = resolve({ ...wanted, hardware: hardware() });
    expect([there.plan.training.optimizer, there.warnings.filter((w) => w.startsWith('training.'))]).toEqual([
      'adamw8bit',
      [],
    ]);
    const mac = resolve({ ...wanted, hardware: { ...hardware(), platform: 'darwin' } });
    expect(mac.plan.training.optimizer).toBe('adamw');
    expect(mac.warnings.filter((w) => w.startsWith('training.optimizer: bitsandbytes'))).toHaveLength(1);
  });

  it('takes plain AdamW where the given Python lacks bitsandbytes, and refuses Prodigy where it lacks prodigyopt', () => {
    const prodigy = { learning_rate: 1, text_encoder_learning_rate: 0 };
    const asked = (optimizer: string, ...lacking: string[]) =>
      resolve({ spec: spec({ training: { optimizer, ...prodigy } }), lacking });
    const { plan, warnings } = asked('adamw8bit', 'bitsandbytes');
    expect(plan.training.optimizer).toBe('adamw');
    expect(warnings.find((w) => w.startsWith('training.optimizer'))).toMatch(
      /VISIONTRAIN_PYTHON lacks bitsandbytes.*adamw is used/,
    );
    expect(asked('prodigy', 'bitsandbytes').plan.training.optimizer).toBe('prodigy');
    expect(() => asked('prodigy', 'prodigyopt')).toThrow(EnvironmentError);
    expect(() => asked('prodigy', 'prodigyopt')).toThrow(/lacks prodigyopt/);
    expect(extraPackages(spec())).toEqual([]);
    expect(extraPackages(spec({ training: { optimizer: 'prodigy', ...prodigy } }))).toEqual(['prodigyopt']);
  });

  it.each<[string, Hardware, boolean, RegExp | undefined]>([
    ['a card', hardware(card('8.0')), true, undefined],
    ['an old card', hardware(card('7.5')), false, /Card 7\.5 cannot compute tf32; fp32 is used/],
    ['no card', hardware(), false, /tf32 needs a graphics card; fp32 is used/],
  ])('TF32 on %s', (_name, machine, tf32, warning) => {
    const { plan, warnings } = resolve({ spec: spec({ resources: { tf32: true } }), hardware: machine });
    expect(plan.resources.tf32).toBe(tf32);
    const told = warnings.find((w) => w.startsWith('resources.tf32'));
    if (warning === undefined) expect(told).toBeUndefined();
    else expect(told).toMatch(warning);
  });

  it('packs the base where asked, says that the result differs, and is another run then', () => {
    const plain = resolve({ spec: spec() });
    expect(plain.plan.resources).toMatchObject({ base_precision: 'same', text_precision: 'same' });
    const packed = resolve({ spec: spec({ resources: { base_precision: 'nf4', text_precision: 'int8' } }) });
    expect(packed.plan.resources).toMatchObject({ base_precision: 'nf4', text_precision: 'int8' });
    expect(packed.warnings).toContain(
      "the base's weights are rounded to nf4, the text encoders' to int8: the LoRA is learned on those, which changes it a little; samples show it on them too",
    );
    expect(packed.plan.spec_sha256).not.toBe(plain.plan.spec_sha256);
  });

  it('streams the base only to a card, and is the same run without', () => {
    const asked = { resources: { stream_base: true } };
    const there = resolve({ spec: spec(asked), hardware: hardware(card('8.0')) });
    expect(there.plan.resources.stream_base).toBe(true);
    expect(there.plan.spec_sha256).toBe(resolve({ spec: spec() }).plan.spec_sha256);
    const here = resolve({ spec: spec(asked), hardware: hardware() });
    expect(here.plan.resources.stream_base).toBe(false);
    expect(here.warnings.find((w) => w.startsWith('resources.stream_base'))).toMatch(/nothing is sent/);
  });

  it.each(['base_precision', 'text_precision'])('refuses %s fp8 on an Apple chip', (key) => {
    const mac = hardware({ ...card('0'), vendor: 'apple', capability: null });
    const asked = (value: string) => () => resolve({ spec: spec({ resources: { [key]: value } }), hardware: mac });
    expect(asked('fp8')).toThrow(`resources.${key} is fp8, which PyTorch cannot store on an Apple chip.`);
    expect(asked('int8')).not.toThrow();
  });

  const choice = (resources: Readonly<Record<string, unknown>>, machine: Hardware) => {
    const { plan, warnings } = resolve({ spec: spec({ resources }), hardware: machine });
    return [plan.resources.device, plan.resources.precision, warnings.filter((w) => w.startsWith('resources.')).length];
  };

  it.each<[string, Readonly<Record<string, unknown>>, Hardware, unknown[]]>([
    ['a card', {}, hardware(card('8.9')), ['cuda:0', 'bf16', 0]],
    ['a card without bf16', {}, hardware(card('7.5')), ['cuda:0', 'fp16', 1]],
    ['no card', {}, hardware(), ['cpu', 'fp32', 1]],
    ['no card and fp32', { precision: 'fp32' }, hardware(), ['cpu', 'fp32', 0]],
    ['the processor on purpose', { device: 'cpu' }, hardware(card('8.9')), ['cpu', 'fp32', 1]],
    ['the second card', { device: 'cuda:1' }, hardware(card('7.5'), card('9.0', 1)), ['cuda:1', 'bf16', 0]],
    ['any card', { device: 'cuda' }, hardware(card('8.0')), ['cuda:0', 'bf16', 0]],
  ])('%s', (_name, resources, machine, expected) => {
    expect(choice(resources, machine)).toEqual(expected);
  });

  it.each([
    ['cuda', hardware(), /no NVIDIA or AMD card was found/],
    ['cuda:3', hardware(card('8.0')), /there is only cuda:0 \(Card 8\.0\)/],
    ['mps', hardware(card('8.0')), /no Mac/],
  ])('%s that is missing is an error with a cure', (device, machine, message) => {
    const run = () => resolve({ spec: spec({ resources: { device } }), hardware: machine });
    expect(run).toThrow(EnvironmentError);
    expect(run).toThrow(message);
  });

  it('sends nobody who asked for an Apple chip to nvidia-smi', () => {
    try {
      resolve({ spec: spec({ resources: { device: 'mps' } }), hardware: hardware() });
      expect.unreachable();
    } catch (error) {
      expect((error as EnvironmentError).nextSteps.join(' ')).toMatch(/device=auto/);
      expect((error as EnvironmentError).nextSteps.join(' ')).not.toMatch(/nvidia-smi/);
    }
  });

  it('advises no_upscale only where it is off', () => {
    const told = (no_upscale: boolean) =>
      resolve({
        spec: spec({ dataset: { no_upscale, bucket_step: 256 } }),
        scan: scan([{ size: [40, 40] }, {}, {}, {}, {}]),
      }).warnings.filter((warning) => warning.includes('enlarged'));
    expect(told(false)[0]).toContain('no_upscale=true');
    expect(told(true)).toHaveLength(1);
    expect(told(true)[0]).not.toContain('no_upscale');
  });

  it('takes all cores unless told otherwise', () => {
    expect(resolve().plan.resources.threads).toBe(6);
    expect(resolve({ spec: spec({ resources: { threads: 2 } }) }).plan.resources.threads).toBe(2);
  });
});

describe('the plan', () => {
  it('fits its schema for any spec that loads', () => {
    fc.assert(
      fc.property(loadableSpec, (any) => {
        const onCpu = { ...any, resources: { ...any.resources, device: 'cpu', devices: 2 } } as const;
        const { plan } = resolve({ spec: onCpu });
        expect(planSchema.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
        expect(summarizePlan(plan).lines.length).toBeGreaterThan(3);
      }),
      { numRuns: 50 },
    );
  });

  it('is written as the trainer reads it (trainer/tests/contract/test_plan_contract.py reads the same file)', async () => {
    const images = [
      { path: '10_fox/a.png', caption: 'sitting, red', repeats: 10 },
      { path: 'b.jpg', size: [1200, 800] as const },
      { path: 'c.webp' },
    ];
    const full = spec({
      training: { min_snr_gamma: null, init_lora: 'old.safetensors' },
      samples: { prompts: ['zfx'] },
    });
    const { plan } = resolve({ spec: full, scan: scan(images), hardware: hardware() });
    await expect(`${JSON.stringify(plan, null, 1)}\n`).toMatchFileSnapshot('../../fixtures/plan.json');
  });

  it('uses regularisation images as often as the others, without the trigger', () => {
    const changes = {
      dataset: { regularisation: { path: './reg', weight: 0.5, class_word: 'a fox' } },
      training: { batch_size: 2 },
    };
    const others = scan([{ caption: 'fox, sitting' }, {}, { size: [1024, 512] }], '/data/reg');
    const given = scan([{ repeats: 3 }, { repeats: 2 }], '/data/foxes');
    const hashed = others.images.map((image, i) => ({ ...image, sha256: String(i).repeat(64) }));
    const { plan } = resolve({ spec: spec(changes), scan: given, regularisation: { ...others, images: hashed } });
    const found = plan.data.images.filter(({ regularisation }) => regularisation);
    expect(found.map(({ path, caption, loss_weight }) => [path, caption, loss_weight])).toEqual([
      ['/data/reg/p0.png', 'fox, sitting', 0.5],
      ['/data/reg/p1.png', 'a fox', 0.5],
      ['/data/reg/p2.png', 'a fox', 0.5],
    ]);
    // The 5 uses, of which 3 are square and 2 wide, are matched: (5 + 3) and 2 uses, in batches of 2.
    expect(plan.training.batches_per_epoch).toBe(4 + 1);
    expect(summarizePlan(plan)).toMatchObject({ images: 2, uses: 5 });
    const facts = resolve({
      spec: spec({ ...changes, output: { metadata: 'full' } }),
      scan: given,
      regularisation: { ...others, images: hashed },
    }).plan.output.facts;
    expect(JSON.parse(facts.ss_reg_dataset_dirs ?? '')).toEqual({ reg: { n_repeats: 1, img_count: 3 } });
    expect(facts.ss_tag_frequency).not.toContain('sitting');
  });

  it('holds the masks of images, and is the same run wherever these lie', () => {
    const mask = { path: 'm.png', sha256: 'a'.repeat(64), alpha: false };
    const from = (folder: string) =>
      resolve({
        spec: spec({ dataset: { masks: { from: folder, outside: 0.2 } } }),
        masks: new Map([['p0.png', mask]]),
      }).plan;
    const plan = from('./masks');
    expect(plan.data.masks).toEqual({ outside: 0.2, normalise: true, unmasked_share: 0, focus: false });
    expect(plan.data.images.map((sample) => sample.mask)).toEqual([mask, ...Array.from({ length: 9 }, () => null)]);
    expect(from('/elsewhere').spec_sha256).toBe(plan.spec_sha256);
    expect(from('alpha').spec_sha256).not.toBe(plan.spec_sha256);
    expect(summarizePlan(plan).lines).toContain('1 picture with a mask; outside of it counts 0.2');
  });

  it('is the same wherever the files are, apart from the paths themselves', () => {
    const here = resolve().plan;
    const there = resolve({
      spec: { ...spec(), dataset: { ...spec().dataset, path: '/mnt/elsewhere' } },
      scan: scan(
        Array.from({ length: 10 }, () => ({})),
        '/mnt/elsewhere',
      ),
      model: { path: '/x', layout: 'single_file', configDir: '/y', vaePath: null, sha256: null },
      dir: '/',
      cacheDir: '/z',
    }).plan;
    const paths = ['/mnt', '/x', '/y', '/z', '/data', '/m/', '/cache', '/home'];
    expect(there.spec_sha256).toBe(here.spec_sha256);
    expect(there.output).toEqual(here.output);
    expect(there.data.images).toEqual(here.data.images);
    for (const path of paths) expect(JSON.stringify([there.output, there.training, there.samples])).not.toContain(path);
  });

  it('names a model of your own by its file alone, wherever that is', () => {
    const own = (base: string) => resolve({ spec: { ...spec(), model: { ...spec().model, base } } }).plan;
    const [here, there] = [own('./mine.safetensors'), own('/mnt/secret/mine.safetensors')];
    expect(here.model.name).toBe('mine.safetensors');
    expect(there).toEqual(here);
  });

  it('has another identity when a choice differs, and the same for more loader processes', () => {
    const identity = (changes: Settings) => resolve({ spec: spec(changes) }).plan.spec_sha256;
    expect(identity({ training: { rank: 17 } })).not.toBe(identity({}));
    expect(identity({ resources: { workers: 4 } })).toBe(identity({}));
  });

  it('names equal images', () => {
    const same = 'ab'.repeat(32);
    expect(sampleIds([same, 'cd'.repeat(32), same])).toEqual(['ab'.repeat(8), 'cd'.repeat(8), `${'ab'.repeat(8)}-2`]);
  });
});

describe('metadata', () => {
  const images = [
    { path: '10_fox/a.png', caption: 'zfx, red, sitting', repeats: 10 },
    { path: '10_fox/b.png', caption: 'zfx, red', repeats: 10 },
    { path: 'c.png', caption: 'zfx, __proto__' },
  ];
  const facts = (metadata: string) =>
    resolve({ spec: spec({ dataset: { validation_share: 0 }, output: { metadata } }), scan: scan(images) }).plan.output
      .facts;

  it('is complete when full', () => {
    const full = facts('full');
    expect(JSON.parse(full.ss_tag_frequency ?? '')).toEqual({
      '10_fox': { zfx: 2, red: 2, sitting: 1 },
      fox: JSON.parse('{"zfx": 1, "__proto__": 1}'),
    });
    expect(JSON.parse(full.ss_dataset_dirs ?? '')).toEqual({
      '10_fox': { n_repeats: 10, img_count: 2 },
      fox: { n_repeats: 1, img_count: 1 },
    });
    expect(full).toMatchObject({ ss_resolution: '(512, 512)', 'modelspec.trigger_phrase': 'zfx' });
  });

  it.each(['minimal', 'none'])('tells nothing of the data set when %s', (metadata) => {
    expect(facts(metadata)).toEqual({});
  });
});

describe('warnings', () => {
  it('describe consequences of settings', () => {
    const { warnings } = resolve({
      spec: spec({
        dataset: { shuffle_tags: true },
        training: { steps: 5, warmup: 0, batch_size: 1 },
        samples: { prompts: ['a cat'] },
      }),
      scan: {
        ...scan(
          Array.from({ length: 12 }, (_, i) =>
            i === 0 ? { size: [100, 100] as const } : { caption: 'a fox in the snow' },
          ),
        ),
        otherCaptions: { '.caption': 3 },
      },
    });
    expect(warnings).toEqual([
      '1 picture without a caption: trained with the trigger alone',
      '3 .caption files beside pictures not read: --set dataset.caption_extension=.caption',
      'shuffle_tags is on, but the captions read as sentences: their parts would be mixed up',
      'no sample prompt holds the trigger zfx: the samples would not show what is learned',
      '1 picture much smaller than 512 px (p0.png) and enlarged; --set dataset.no_upscale=true keeps their size',
      '5 steps are less than one epoch (11 batches): not every picture is used',
    ]);
  });

  it('begin with the memory that the card does not have', () => {
    const [first] = resolve({ spec: spec({ training: { batch_size: 64 } }) }).warnings;
    expect(first).toMatch(/^a step takes about [\d.]+ GB of memory, more than the 12.0 GB of Card 8.9: --set /);
  });

  it('name images of which most is cut off, and the setting that keeps their shape', () => {
    const captions = Array.from({ length: 12 }, (_, i) => ({
      path: `p${i}.png`,
      caption: 'a fox',
      size: i < 2 ? ([4000, 600] as const) : ([1024, 1024] as const),
    }));
    const of = (dataset: Record<string, unknown>) =>
      resolve({ spec: spec({ dataset }), scan: scan(captions) }).warnings;
    expect(of({ bucket_max: 1536 })).toEqual([]);
    expect(of({ bucket_max: 640 })).toEqual([
      'more than half is cut away of 2 pictures (p0.png: 4000×600 to 640×256); cut out by hand what matters',
    ]);
    expect(of({ buckets: false })).toEqual([
      'more than half is cut away of 2 pictures (p0.png: 4000×600 to 512×512); --set dataset.buckets=true keeps the shapes of pictures',
    ]);
  });

  it('are none for a sound plan', () => {
    const captions = Array.from({ length: 12 }, () => ({ caption: 'a fox' }));
    expect(resolve({ scan: scan(captions) }).warnings).toEqual([]);
  });
});

describe('summarizePlan', () => {
  it('shows how steps, pictures and epochs belong together', () => {
    const { plan } = resolve({
      spec: spec({ dataset: { validation_share: 0, repeats: 4 }, training: { steps: 400 } }),
      scan: scan([...Array.from({ length: 8 }, () => ({})), { size: [300, 600] }, { size: [300, 600] }]),
    });
    const { lines, buckets, epochs, disk } = summarizePlan(plan);
    expect(lines[0]).toBe('400 steps = 10 pictures × 4 repeats × 10 epochs ÷ 1');
    expect(lines).toContain('2 bucket shapes: 512×512 (8), 320×704 (2)');
    expect(buckets[0]).toEqual({ size: [512, 512], images: 8, uses: 32, batches: 32 });
    expect(epochs).toBe(10);
    expect(disk.total).toBe(disk.lora + disk.saved + disk.checkpoints + disk.cache);
  });

  it.each<[Partial<Plan['output']>, number, string]>([
    [{ save_every: 100 }, 3, ', 3 more on the way '],
    [{ save_every: '2 epochs' }, 4, ', 4 more on the way '],
    [{ save_every: 10, save_keep: 5 }, 5, ', 5 more on the way '],
    [{ save_every: 0 }, 0, ', checkpoints'],
    [{ save_every: '30 minutes' }, 0, ', and one more for each save on the way, checkpoints'],
    [{ save_every: '30 minutes', save_keep: 2 }, 2, ', 2 more on the way '],
  ])('counts the LoRA files that remain: %j', (output, files, words) => {
    const { plan } = resolve({
      spec: spec({ dataset: { validation_share: 0, repeats: 4 }, training: { steps: 400 } }),
      scan: scan(Array.from({ length: 10 }, () => ({}))),
    });
    const { disk, lines } = summarizePlan({ ...plan, output: { ...plan.output, ...output } });
    expect(disk.saved).toBe(files * disk.lora);
    expect(lines.at(-1)).toContain(words);
  });

  it('says over how many steps a moving average reaches', () => {
    const { plan } = resolve({ spec: spec({ training: { steps: 400 } }) });
    const average = (ema: Plan['training']['ema']) =>
      summarizePlan({ ...plan, training: { ...plan.training, ema } }).lines.find((line) => line.includes('average'));
    expect(average(null)).toBeUndefined();
    expect(average({ decay: 0.99, every: 1, start: 0, save: 'ema' })).toMatch(/about the last 46 steps; it is what/);
    expect(average({ decay: 0.9, every: 5, start: 0, save: 'both' })).toMatch(/about the last 50 steps; both are/);
  });

  it.each<[Plan['model']['family'], number, Partial<Plan['training']>]>([
    // The sizes are MB of files that sd-scripts writes in 16 bits, without their metadata.
    ['sdxl', 170.2, { rank: 32 }],
    ['sdxl', 228, { rank: 32, text_encoder_learning_rates: [1e-4, 1e-4] }],
    ['sd15', 151, { rank: 128, text_encoder_learning_rates: [1e-4] }],
    ['sd15', 33.6, { rank: 16, conv_rank: 16 }],
    ['sdxl', 92.9, { rank: 32, targets: 'attention' }],
  ])('tells the size of a LoRA: %s, %d MB', (family, megabytes, changes) => {
    const { plan } = resolve();
    const { disk } = summarizePlan({
      ...plan,
      model: { ...plan.model, family },
      training: { ...plan.training, targets: 'all', conv_rank: 0, text_encoder_learning_rates: [0], ...changes },
      output: { ...plan.output, precision: 'fp16', diffusers: false },
    });
    expect(disk.lora / 1e6).toBeCloseTo(megabytes, 0);
  });

  it('expects a smaller file for a small model', () => {
    const { plan } = resolve();
    expect(summarizePlan(plan, 20e6).disk.lora).toBeLessThan(summarizePlan(plan).disk.lora / 5);
  });
});
