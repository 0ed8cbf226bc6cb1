/** Writes the model card of a LoRA in the hub's format: metadata between dashes, then text in Markdown. Pure. */
import { basename } from 'node:path';
import { formatBytes } from '../../base/text.ts';
import type { Plan } from '../plan/schema.ts';
import { diffusersCode, embeddingFile } from '../report/usage.ts';
import { type Material, settingWords } from './material.ts';

/**
 * The hub's names of licences, by the names in the registry. Any other licence is `other`, with its name and address.
 */
const HUB_LICENCES: Readonly<Record<string, string>> = {
  'CreativeML-OpenRAIL-M': 'creativeml-openrail-m',
  'CreativeML-OpenRAIL++-M': 'openrail++',
  'CC0-1.0': 'cc0-1.0',
  'Apache-2.0': 'apache-2.0',
  MIT: 'mit',
};

/** Path in the repository of the cover with this number. */
export const coverPath = (i: number): string => `images/${String(i).padStart(2, '0')}.png`;

/**
 * The text of the card.
 * @param repo `owner/name`
 */
export function modelCard(material: Material, repo: string): string {
  const { name, trigger, covers, report, plan, sha256, bytes, licence, lora } = material;
  const file = basename(lora);
  const prompt = covers[0]?.prompt ?? trigger;
  const sdxl = plan.model.family === 'sdxl';
  const base = material.baseRepo;
  return [
    '---',
    ...facts(material),
    '---',
    '',
    `# ${inline(name)}`,
    '',
    ...(covers.length > 0 ? ['<Gallery />', ''] : []),
    `A LoRA for ${inline(licence.model)}.`,
    '',
    ...(trigger === '' ? [] : [`**The word that calls it:** \`${code(trigger)}\``, '']),
    '## Use it',
    '',
    `Download [\`${code(file)}\`](/${repo}/resolve/main/${encodeURIComponent(file)}) (${formatBytes(bytes)}).`,
    '',
    '- **ComfyUI**: into `models/loras`, then a *Load LoRA* node, strength 0.8 to 1.',
    ...(plan.model.prediction === 'flow'
      ? [
          `  The base is one of rectified flow: put a *ModelSamplingSD3* node with shift ${plan.model.flow_shift} behind it.`,
        ]
      : []),
    `- **A1111, Forge**: into \`models/Lora\`, then \`<lora:${code(file.replace(/\.safetensors$/u, ''))}:0.8>\` in the prompt${plan.model.clip_skip > 1 ? `; clip skip ${plan.model.clip_skip}` : ''}.`,
    '',
    ...embeddingLines(plan, file, repo),
    '```python',
    diffusersCode({
      ...{ file, prompt, sdxl, repo, v: plan.model.prediction === 'v_prediction' },
      embedding: plan.training.pivotal?.word,
      flowShift: plan.model.prediction === 'flow' ? plan.model.flow_shift : undefined,
      ...(base === null ? {} : { baseRepo: base }),
    }).replaceAll('```', "'''"),
    '```',
    '',
    '## How it was trained',
    '',
    inline(report.verdict.title),
    '',
    '| | |',
    '|---|---|',
    ...settingWords(material).map(([key, value]) => `| ${key} | ${inline(value)} |`),
    `| SHA-256 | \`${sha256}\` |`,
    '',
    '## Licence',
    '',
    ...licenceLines(material),
    '',
    'Made with visiontrain.',
    '',
  ].join('\n');
}

/** Lines on how to use the embedding that lies beside the LoRA; none where none was trained. */
function embeddingLines({ training: { pivotal } }: Plan, lora: string, repo: string): readonly string[] {
  if (pivotal === null) return [];
  const [name, word] = [embeddingFile(lora), code(pivotal.word)];
  return [
    `It has an embedding too: put [\`${code(name)}\`](/${repo}/resolve/main/${encodeURIComponent(name)}) as \`${word}.safetensors\` into \`models/embeddings\` (ComfyUI, where prompts then say \`embedding:${word}\`) or \`embeddings\` (A1111, Forge).`,
    '',
  ];
}

/** A string in JSON, which is YAML too, and which every reader of YAML understands in the same way. */
const quoted = (value: string): string => JSON.stringify(value);

function facts({ trigger, covers, licence, plan, baseRepo }: Material): string[] {
  const hub = licence.name === null ? undefined : HUB_LICENCES[licence.name];
  const family = plan.model.family === 'sdxl' ? 'stable-diffusion-xl' : 'stable-diffusion';
  return [
    ...(baseRepo === null ? [] : [`base_model: ${quoted(baseRepo)}`, 'base_model_relation: adapter']),
    `license: ${hub ?? 'other'}`,
    ...(hub === undefined && licence.name !== null ? [`license_name: ${quoted(licenceSlug(licence.name))}`] : []),
    ...(hub === undefined && licence.url !== null ? [`license_link: ${quoted(licence.url)}`] : []),
    'library_name: diffusers',
    'pipeline_tag: text-to-image',
    'tags:',
    ...['lora', 'text-to-image', family, `${family}-diffusers`, 'diffusers', 'visiontrain'].map((tag) => `  - ${tag}`),
    ...(trigger === '' ? [] : [`instance_prompt: ${quoted(trigger)}`]),
    ...(covers.length === 0 ? [] : ['widget:']),
    ...covers.flatMap(({ prompt, negative }, i) => [
      `  - text: ${quoted(prompt)}`,
      ...(negative === '' ? [] : ['    parameters:', `      negative_prompt: ${quoted(negative)}`]),
      '    output:',
      `      url: ${coverPath(i)}`,
    ]),
  ];
}

const licenceSlug = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9.+]+/gu, '-')
    .replace(/^-|-$/gu, '');

export function licenceLines({ licence }: Pick<Material, 'licence'>): string[] {
  const { model, name, url, restrictions } = licence;
  if (name === null) return [`The licence of ${inline(model)} is not known to the program that wrote this card.`];
  const named = url === null ? inline(name) : `[${inline(name)}](${url})`;
  return [
    `It is of use with ${inline(model)} alone, whose licence binds those who use both: ${named}.`,
    ...(restrictions === '' ? [] : ['', inline(restrictions)]),
  ];
}

/** A text of the run on one line of Markdown, with its markup escaped. */
function inline(text: string): string {
  return text.replaceAll(/[\r\n]+/gu, ' ').replaceAll(/[\\`*_{}[\]<>#|~&]/gu, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** A text that can stand between backticks. */
const code = (text: string): string => text.replaceAll(/[`\r\n<>]/gu, ' ');
