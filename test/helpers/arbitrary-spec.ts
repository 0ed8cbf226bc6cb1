import fc from 'fast-check';
import { type JsonNode, specKeys } from '../../src/spec/keys.ts';
import { promptProblem } from '../../src/spec/prompt-syntax.ts';
import { findings } from '../../src/spec/rules.ts';
import { type RunSpec, specSchema } from '../../src/spec/schema.ts';
import { testRegistry } from './registry.ts';

/** Texts that YAML, terminals and people have trouble with. */
const oddTexts = fc.constantFrom(
  '',
  ' ',
  'no',
  'Yes',
  'null',
  '~',
  '1e3',
  '0x10',
  '.5',
  '- a',
  '# x',
  'a # b',
  'a: b',
  '"',
  "'",
  '\\',
  '\\n',
  '{a}',
  '[',
  '&a',
  '*a',
  '!t',
  '%',
  '@',
  '`',
  '|',
  '>',
  '?',
  'a,b',
  '---',
  '...',
  '=',
  '<<',
  '__proto__',
  'ünï',
  '日本語',
  '🦊',
  '\ud800',
  '\u202e',
  '\ufeff',
  '\u2028',
  'a'.repeat(150),
  ' lead',
  'trail ',
  "it's",
  '$HOME',
  '../a b/c',
  'C:\\pics',
  '2024-01-01',
  '12:30:00',
  'true',
);
const text = (node: JsonNode) => {
  if (node.examples !== undefined) return fc.constantFrom(...node.examples);
  // The first pattern of a line only excludes control characters, which is done below.
  const own = node.allOf?.at(-1)?.pattern;
  if (own !== undefined) return fc.stringMatching(new RegExp(own), { maxLength: 100 });

  const clean = (s: string) => s.replaceAll(/[\p{Cc}]/gu, '').slice(0, Math.min(node.maxLength ?? 200, 200));
  const any = fc
    .oneof(oddTexts, fc.string(), fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }))
    .map(clean);
  return node.minLength === undefined ? any : any.map((s) => (s === '' ? 'x' : s));
};

/** Values of the keys whose schema is a pattern. */
const patterned: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  'captions.replace': fc.array(fc.constantFrom('a -> b', 'long hair -> hair, long', 'c ->'), { maxLength: 3 }),
  'captions.endpoint': fc.constantFrom(null, 'http://localhost:11434/v1', 'https://example.org/v1'),
  name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/u),
  'dataset.caption_extension': fc.stringMatching(/^\.[A-Za-z0-9._-]{1,20}$/u),
  'dataset.alpha_color': fc.stringMatching(/^#[0-9a-fA-F]{6}$/u),
  'resources.device': fc.constantFrom('auto', 'cpu', 'mps', 'cuda', 'cuda:3'),
  'training.warmup': fc.oneof(fc.double({ min: 0, max: 0.99, noNaN: true }), fc.integer({ min: 1, max: 1_000_000 })),
};

function number(node: JsonNode): fc.Arbitrary<number> {
  const [low, high] = [node.minimum ?? node.exclusiveMinimum ?? -1e6, node.maximum ?? node.exclusiveMaximum ?? 1e6];
  const step = node.multipleOf ?? 1;
  if (node.type === 'integer')
    return fc.integer({ min: Math.ceil(low / step), max: Math.floor(high / step) }).map((n) => n * step);
  const any = fc.double({
    min: low,
    max: high,
    noNaN: true,
    minExcluded: node.minimum === undefined,
    maxExcluded: node.maximum === undefined,
  });
  // JSON has no −0, and adding 0 makes it 0.
  return any.map((n) => n + 0);
}

function value(node: JsonNode): fc.Arbitrary<unknown> {
  if (node.const !== undefined) return fc.constant(node.const);
  if (node.enum !== undefined) return fc.constantFrom(...node.enum);
  if (node.anyOf !== undefined) return fc.oneof(...node.anyOf.map(value));
  if (Array.isArray(node.type)) return fc.oneof(...node.type.map((type: string) => value({ ...node, type })));
  if (node.type === 'boolean') return fc.boolean();
  if (node.type === 'null') return fc.constant(null);
  if (node.type === 'string') return text(node);
  if (node.type === 'array') {
    if (node.prefixItems !== undefined) return fc.tuple(...node.prefixItems.map(value));
    const maxLength = Math.min(node.maxItems ?? 5, 5);
    return fc.array(value(node.items || {}), { minLength: node.minItems ?? 0, maxLength });
  }
  if (node.properties !== undefined)
    return fc.record(Object.fromEntries(Object.entries(node.properties).map(([name, inner]) => [name, value(inner)])));
  return number(node);
}

/** Any spec whose keys each have a valid value, whether or not the values fit together. */
export const anySpec: fc.Arbitrary<RunSpec> = fc
  .tuple(...specKeys.map(({ key, node }) => patterned[key] ?? value(node)))
  .map((values) => {
    const document: Record<string, Record<string, unknown>> = {};
    specKeys.forEach(({ key, section }, i) => {
      if (section === '') Object.assign(document, { [key]: values[i] });
      else document[section] = { ...document[section], [key.slice(section.length + 1)]: values[i] };
    });
    return specSchema.parse(document);
  });

/** A path that leads nowhere, however it is read, so that it stays as it was typed. */
const nowhere = (path: string): string => `no/${path}/x`;

/** Values that no rule refuses, for keys whose default a recipe decides. */
const HARMLESS: Readonly<Record<string, unknown>> = {
  'training.schedule': 'constant',
  'training.warmup': 0,
  'training.learning_rate': 1,
  'training.text_encoder_learning_rate': 0,
};

/** The spec with every key of `training` that a rule refuses set to its default. */
function mended(spec: RunSpec): RunSpec {
  const found = findings(spec, 'error');
  if (found.some(({ key }) => key === 'output.diffusers'))
    return mended({ ...spec, output: { ...spec.output, diffusers: false } });
  if (found.some(({ key }) => key === 'validation.patience'))
    return mended({ ...spec, validation: { ...spec.validation, patience: null } });
  if (found.some(({ key }) => key === 'dataset.sources'))
    return mended({ ...spec, dataset: { ...spec.dataset, sources: [] } });
  const wrong = found.find(({ key }) => key.startsWith('training.'));
  if (wrong === undefined) return spec;
  const name = wrong.key.slice('training.'.length);
  const standard = HARMLESS[wrong.key] ?? specKeys.find(({ key }) => key === wrong.key)?.node.default;
  // The schedule piecewise is invalid without its points, so it is removed with them.
  const schedule = name === 'schedule_args' ? 'constant' : spec.training.schedule;
  return mended({ ...spec, training: { ...spec.training, schedule, [name]: standard } } as RunSpec);
}

/** Cards and a device that do not contradict each other, as `deviceRules` requires. */
const oneDevice = ({ device, devices }: RunSpec['resources']) =>
  Array.isArray(devices) ? { device: 'auto', devices: [...new Set(devices)] } : { device, devices };

/** Specs whose values also fit together, and whose base model is in the test registry. */
export const loadableSpec: fc.Arbitrary<RunSpec> = fc
  .tuple(anySpec, fc.constantFrom(...testRegistry.models), fc.integer({ min: 8, max: 16 }))
  .map(([spec, entry, side]) => {
    const { dataset: d, training: t, resources: r } = spec;
    const sdxl = entry.family === 'sdxl';
    const { text_encoder_learning_rate: rate } = t;
    return mended({
      ...spec,
      dataset: {
        ...d,
        path: nowhere(d.path),
        resolution: side * d.bucket_step,
        regularisation:
          d.regularisation === null ? null : { ...d.regularisation, path: d.regularisation.path ?? 'no/women' },
        bucket_min: d.bucket_step * 8,
        bucket_max: 32 * d.bucket_step,
      },
      captions: {
        ...spec.captions,
        remove: spec.captions.remove.filter((tag) => tag.trim().toLowerCase() !== d.trigger.trim().toLowerCase()),
        ...(spec.captions.write === 'endpoint' ? { endpoint: 'http://localhost:1/v1', endpoint_model: 'a' } : {}),
      },
      model: {
        ...spec.model,
        vae: spec.model.vae === null ? null : nowhere(spec.model.vae),
        merge_loras: spec.model.merge_loras.map((lora) => ({ ...lora, path: 'old.safetensors' })),
        base: entry.id,
        family: entry.family,
        prediction: entry.prediction,
        zero_terminal_snr: entry.zero_terminal_snr,
        clip_skip: sdxl ? 1 : spec.model.clip_skip,
      },
      training: {
        ...t,
        warmup: typeof t.steps !== 'number' || t.warmup >= t.steps ? 0 : t.warmup,
        text_encoder_learning_rate: t.optimizer === 'prodigy' || (!sdxl && Array.isArray(rate)) ? 0 : rate,
        noise_offset: entry.zero_terminal_snr ? 0 : t.noise_offset,
        init_lora: t.init_lora === null ? null : 'old.safetensors',
      },
      samples: {
        ...spec.samples,
        spacing: spec.samples.sampler === 'ddim' ? 'trailing' : spec.samples.spacing,
        prompts: spec.samples.prompts.filter((prompt) => promptProblem(prompt) === undefined),
      },
      resources: {
        ...r,
        ...oneDevice(r),
        vae_precision: 'fp32',
        compile: r.compile && r.base_precision === 'same' && !r.stream_base,
      },
    });
  });
