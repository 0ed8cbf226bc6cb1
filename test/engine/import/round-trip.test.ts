/**
 * For each setting that a LoRA of ours carries, a value that is not the default comes back in the run.yaml made from
 * the metadata.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import { importSettings } from '../../../src/engine/import/import.ts';
import { isShared } from '../../../src/engine/plan/facts.ts';
import { specSha256 } from '../../../src/engine/plan/identity.ts';
import type { Plan } from '../../../src/engine/plan/schema.ts';
import { loadSpec } from '../../../src/engine/prepare/load.ts';
import { prepareRun } from '../../../src/engine/prepare/prepare.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { schemaOf } from '../../../src/spec/foreign.ts';
import { specKeys } from '../../../src/spec/keys.ts';
import type { RunSpec } from '../../../src/spec/schema.ts';
import { png } from '../../helpers/images.ts';
import { safetensors } from '../../helpers/safetensors.ts';

const python = process.env.VISIONTRAIN_TEST_PYTHON;
const dir = mkdtempSync(join(tmpdir(), 'vt-round-'));
const env = { VISIONTRAIN_HOME: join(dir, 'home'), PATH: process.env.PATH };
const registry = loadRegistry({ configDir: dir });
mkdirSync(join(dir, 'fox'));
for (const i of [1, 2, 3]) writeFileSync(join(dir, 'fox', `${i}.png`), png(96, 96, i));
writeFileSync(join(dir, 'fox', '1.mask.png'), png(96, 96, 9));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/**
 * For each key a value that is not the default, with the other keys that it needs. Booleans and enumerations need no
 * entry here.
 */
const OTHER: Readonly<Record<string, unknown>> = {
  'dataset.caption_extension': '.caption',
  'dataset.caption_from': ['image', 'file_name'],
  'dataset.caption_prefix': 'best',
  'dataset.caption_suffix': 'oil paint',
  'dataset.default_caption': 'an animal',
  'dataset.caption_options': { wildcards: true, lines: 'random', protected: ['solo'] },
  'dataset.keep_tags': 3,
  'dataset.caption_dropout': 0.1,
  'dataset.tag_dropout': 0.1,
  'dataset.repeats': 4,
  'dataset.resolution': [96, 64],
  'dataset.bucket_step': 16,
  'dataset.bucket_min': 96,
  'dataset.bucket_max': 160,
  'dataset.alpha_color': '#000000',
  'dataset.resolution_use': { resolution: [96, 64], resolution_use: 'draw' },
  'dataset.augment': { variations: 2, hue: 0.02 },
  'dataset.masks': { from: 'auto', outside: 0.3, unmasked_share: 0.2 },
  'dataset.validation_share': 0.34,
  'captions.threshold': { threshold: 0.5, write: 'tags' },
  'captions.character_threshold': { character_threshold: 0.5, write: 'tags' },
  'captions.ratings': { ratings: 'pony', write: 'tags' },
  'captions.exclude': { exclude: ['text'], write: 'tags' },
  'captions.tagger': { tagger: 'wd-vit-tagger-v3', write: 'tags' },
  'captions.captioner': { captioner: 'blip-large', write: 'sentences' },
  'captions.length': { length: 'long', write: 'sentences' },
  'captions.write': 'both',
  'captions.prompt': { prompt: 'Say what is seen.', write: 'sentences' },
  'captions.replace': ['1girl -> woman'],
  'captions.remove': ['solo'],
  'captions.keep_only': ['red'],
  'captions.add_first': ['drawing'],
  'captions.add_last': ['good'],
  'captions.limit': 9,
  'captions.protect': ['red*'],
  'model.vae': 'sd-vae-ft-mse',
  'model.vae_scaling': { scale: 0.2, shift: 0.1 },
  'training.steps': '3 epochs',
  'training.batch_size': 3,
  'training.batch_size_at': [{ resolution: 96, batch_size: 3 }],
  'training.gradient_accumulation': 2,
  'training.rank': 12,
  'training.text_encoder_learning_rate': 3e-4,
  'training.text_encoder_until': 0.5,
  'training.optimizer': 'lion',
  'training.optimizer_args': {
    optimizer: 'prodigy',
    learning_rate: 1,
    text_encoder_learning_rate: 1,
    optimizer_args: { d_coef: 2 },
  },
  'training.betas': [0.8, 0.95],
  'training.schedule': 'linear',
  'training.schedule_args': { schedule: 'polynomial', schedule_args: { power: 2, floor: 0.1 } },
  'training.cycles': { schedule: 'cosine_with_restarts', cycles: 3 },
  'training.warmup': 0.1,
  'training.max_weight_norm': 1.5,
  'training.ema': { decay: 0.9 },
  'training.conv_alpha': { conv_rank: 4, conv_alpha: 2 },
  'training.adapter': 'loha',
  'training.lokr': { adapter: 'lokr', lokr: { factor: 4 } },
  'training.dora': { dora: true },
  'training.lora_plus_ratio': 4,
  'training.t_lora': { t_lora: { min_rank: 2, power: 1.5 } },
  'training.layers': [{ match: 'attn1', rank: 4 }],
  'training.huber_c': { loss: 'huber', huber_c: 0.2 },
  'training.huber_schedule': { loss: 'huber', huber_schedule: 'constant' },
  'training.huber_scale': { loss: 'huber', huber_schedule: 'constant', huber_scale: 2 },
  'training.p2_gamma': { loss_weighting: 'p2', p2_gamma: 0.5 },
  'training.min_snr_gamma': 3,
  'training.noise_offset_random': { noise_offset: 0.05, noise_offset_random: true },
  'training.noise_offset_adaptive': 0.01,
  'training.multires_noise': { iterations: 4, discount: 0.2 },
  'training.input_perturbation': { strength: 0.1 },
  'training.timesteps': { min: 100, max: 900, distribution: 'logit_normal', bias: 0.5 },
  'validation.patience': 4,
  'validation.min_change': { patience: 4, min_change: 6 },
};

/** Keys of other sections that a key needs. */
const BESIDE: Readonly<Record<string, Record<string, Record<string, unknown>>>> = {
  'training.scale_v_loss': { model: { base: 'noobai-vpred' } },
  'validation.patience': { dataset: { validation_share: 0.34 } },
  'validation.min_change': { dataset: { validation_share: 0.34 } },
};
const baseOf = (key: string) => String(BESIDE[key]?.model?.base ?? 'tiny');

/** Facts of the base, and keys that a LoRA does not carry on purpose or that need a machine of their own. */
const APART: ReadonlySet<string> = new Set(['dataset.goal', 'model.flow_shift']);

/** The document of a run with one key off its default. */
function documentWith(key: string, given: unknown): Record<string, Record<string, unknown>> {
  const [section = '', field = ''] = key.split('.');
  const isGroup = typeof given === 'object' && given !== null && Object.hasOwn(given, field);
  const values = isGroup ? (given as Record<string, unknown>) : { [field]: given };
  const { dataset } = BESIDE[key] ?? {};
  const plain = { dataset: { path: 'fox', trigger: 'zfx', ...dataset }, model: { base: baseOf(key) } } as Record<
    string,
    Record<string, unknown>
  >;
  return { ...plain, [section]: { ...plain[section], ...values } };
}

const usual = (key: string) => schemaOf(key) && specKeys.find((one) => one.key === key)?.node;

/** The first value of a word or a yes that is not the default. */
function otherThanUsual(key: string): unknown {
  if (Object.hasOwn(OTHER, key)) return OTHER[key];
  const node = usual(key);
  if (node?.type === 'boolean') return node.default !== true;
  const words = node?.enum ?? [];
  if (words.length > 0) return words.find((word) => word !== node?.default);
  if (node?.type === 'number' || node?.type === 'integer')
    return Number(node.default ?? 1) * 0.5 + (node.type === 'integer' ? 7 : 0.01);
  return undefined;
}

const keys = specKeys
  .map(({ key, node }) => ({ key, node }))
  .filter(({ key, node }) => isShared(key, node.default) && !APART.has(key));
const at = (spec: RunSpec, key: string): unknown => {
  const [section = '', field = ''] = key.split('.');
  return (spec as unknown as Record<string, Record<string, unknown>>)[section]?.[field];
};

/** The metadata that the trainer would write into the LoRAs of these plans. */
function metadataOf(plans: readonly Plan[]): readonly Record<string, string>[] {
  const script = `
import json, sys
from visiontrain_trainer.adapter.lora_metadata import make_metadata
from visiontrain_trainer.contract.plan import parse_plan
def one(plan):
    parsed = parse_plan(plan)
    return make_metadata(parsed, 10, 1) | parsed.output.facts
print(json.dumps([one(plan) for plan in json.load(sys.stdin)]))`;
  const cwd = join(import.meta.dirname, '../../../trainer');
  const input = JSON.stringify(plans);
  const own = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  return JSON.parse(execFileSync(python ?? '', ['-c', script], { cwd, input, encoding: 'utf8', env: own }));
}

interface Case {
  readonly key: string;
  readonly spec: RunSpec;
  readonly plan: Plan;
}

/**
 * The setting of the run in the form in which both sides are equal: cadences as numbers of steps, and a weighting
 * without effect as none.
 */
function expected({ spec, plan }: Case, key: string): unknown {
  if (key === 'training.steps') return plan.training.steps;
  if (key === 'training.warmup') return plan.training.warmup_steps;
  const isNone = spec.training.loss_weighting === 'min_snr' && spec.training.min_snr_gamma === null;
  return key === 'training.loss_weighting' && isNone ? 'none' : at(spec, key);
}

describe.skipIf(python === undefined)('run.yaml → metadata of the LoRA → run.yaml', () => {
  const cases: Case[] = [];
  let metadata: readonly Record<string, string>[] = [];
  beforeAll(async () => {
    for (const { key } of keys) {
      const file = join(dir, `${key}.yaml`);
      writeFileSync(file, JSON.stringify({ version: 1, name: 'fox', ...documentWith(key, otherThanUsual(key)) }));
      const loaded = loadSpec(file, { registry });
      const { plan } = await prepareRun({ ...loaded, registry, places: places(env), env });
      cases.push({ key, spec: loaded.spec, plan });
    }
    metadata = metadataOf(cases.map(({ plan }) => plan));
  });

  it.each(keys.map(({ key }) => key))('%s comes back', (key) => {
    const i = cases.findIndex((one) => one.key === key);
    const { spec } = cases[i] ?? expect.fail(key);
    const lora = join(dir, `${key}.safetensors`);
    writeFileSync(lora, safetensors({ 'lora_unet_x.lora_down.weight': [4, 8] }, metadata[i] ?? {}));
    const found = importSettings(lora, { registry, folder: join(dir, 'fox'), base: baseOf(key) });
    expect(found.unknown).toEqual([]);
    expect(at(spec, key), 'chosen').not.toEqual(usual(key)?.default);
    const moved = keys
      .map((other) => [other.key, expected(cases[i] ?? expect.fail(), other.key), at(found.filled.spec, other.key)])
      .filter(([, then, now]) => JSON.stringify(then) !== JSON.stringify(now));
    expect(moved).toEqual([]);
  });

  it('what a LoRA carries is part of the run’s identity', () => {
    const isId = () => true;
    for (const { key, spec, plan } of cases) {
      if (!(plan.output.facts['visiontrain.settings'] ?? '').includes(`"${key}"`)) continue;
      const [section = '', field = ''] = key.split('.');
      const other = structuredClone(spec) as unknown as Record<string, Record<string, unknown>>;
      (other[section] ?? {})[field] = usual(key)?.default;
      expect(specSha256(other as unknown as RunSpec, isId), key).not.toBe(specSha256(spec, isId));
    }
  });
});
