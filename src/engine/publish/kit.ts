/**
 * Makes a folder with everything that Civitai asks for when a LoRA is uploaded by hand, since the site accepts no
 * uploads by programs.
 */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readOurs } from '../../base/files/regular-file.ts';
import { licenceText } from '../../registry/catalogue/licence-text.ts';
import { type Cover, type Material, settingWords } from './material.ts';
import { withText } from './png-text.ts';

export interface KitFile {
  readonly path: string;
  readonly what: string;
}

/** A1111's names of samplers, which Civitai reads. */
const SAMPLERS: Readonly<Record<Cover['sampler'], string>> = {
  ddim: 'DDIM',
  euler: 'Euler',
  euler_a: 'Euler a',
  dpmpp_2m: 'DPM++ 2M',
};
const MOST_COVER = 64 << 20;

/**
 * Writes the kit; the folder appears whole or not at all.
 * @param dir a folder that does not exist yet
 * @param weightsHash SHA-256 of everything behind the header of the LoRA, by which A1111 and Civitai identify it
 * @throws errors of the file system
 */
export function writeKit(material: Material, dir: string, weightsHash: string | null): KitFile[] {
  const work = mkdtempSync(join(dirname(dir), `.${basename(dir)}.`));
  try {
    const written = writeFiles(material, work, weightsHash);
    chmodSync(work, 0o755);
    renameSync(work, dir);
    return written;
  } catch (error) {
    rmSync(work, { recursive: true, force: true });
    throw error;
  }
}

function writeFiles(material: Material, dir: string, weightsHash: string | null): KitFile[] {
  mkdirSync(join(dir, 'covers'));
  const file = basename(material.lora);
  copyFileSync(material.lora, join(dir, file));
  const written: KitFile[] = [{ path: file, what: 'the LoRA: Files' }];
  const put = (path: string, content: string | Buffer, what: string) => {
    writeFileSync(join(dir, path), content);
    written.push({ path, what });
  };
  material.covers.forEach((cover, i) => {
    const png = readOurs(cover.path, MOST_COVER);
    if (png === undefined) return;
    const text = coverText(cover, material, weightsHash);
    put(
      `covers/${String(i + 1).padStart(2, '0')}.png`,
      withText(png, 'parameters', text),
      'a cover, its prompt in it: Images',
    );
  });
  put('description.html', description(material), 'About your model');
  put('trigger-words.txt', `${material.trigger}\n`, 'Trigger words');
  put('settings.txt', settings(material), 'Base model, clip skip, steps, strength');
  put('LICENCE-OF-THE-BASE.txt', licenceText(material.licence), 'what the base allows: Permissions');
  return written;
}

/** The generation settings of a cover, in the form that A1111 writes into its images. */
function coverText(cover: Cover, { lora, plan }: Material, weightsHash: string | null): string {
  const { prompt, negative, steps, sampler, guidance, seed, size, strength } = cover;
  const stem = basename(lora).replace(/\.safetensors$/u, '');
  const facts = [
    `Steps: ${steps}`,
    `Sampler: ${SAMPLERS[sampler]}`,
    `CFG scale: ${guidance}`,
    `Seed: ${seed}`,
    `Size: ${size[0]}x${size[1]}`,
    ...(plan.model.sha256 === null ? [] : [`Model hash: ${plan.model.sha256.slice(0, 10)}`]),
    `Model: ${plan.model.name}`,
    ...(plan.model.clip_skip > 1 ? [`Clip skip: ${plan.model.clip_skip}`] : []),
    ...(weightsHash === null ? [] : [`Lora hashes: "${stem}: ${weightsHash.slice(0, 12)}"`]),
  ];
  const lines = [`${prompt} <lora:${stem}:${strength}>`];
  if (negative !== '') lines.push(`Negative prompt: ${negative}`);
  return [...lines, facts.join(', ')].join('\n');
}

/** The base model's name in the site's list. */
export function civitaiBase({ plan }: Pick<Material, 'plan'>): string {
  const { name, family } = plan.model;
  const known = [
    [/pony/iu, 'Pony'],
    [/noob/iu, 'NoobAI'],
    [/illustrious/iu, 'Illustrious'],
  ] as const;
  return known.find(([form]) => form.test(name))?.[1] ?? (family === 'sdxl' ? 'SDXL 1.0' : 'SD 1.5');
}

const html = (text: string): string =>
  text.replaceAll(/[&<>"]/gu, (sign) => `&#${sign.charCodeAt(0)};`).replaceAll(/[\r\n]+/gu, ' ');

function description(material: Material): string {
  const { trigger, licence, report } = material;
  const rows = settingWords(material).map(([key, value]) => `<li>${html(key)}: ${html(value)}</li>`);
  return [
    `<p>A LoRA for ${html(licence.model)}.</p>`,
    ...(trigger === '' ? [] : [`<p>The word that calls it: <code>${html(trigger)}</code></p>`]),
    '<p>Strength 0.8 to 1 is a good start.</p>',
    `<p>${html(report.verdict.title)}</p>`,
    `<ul>${rows.join('')}</ul>`,
    '',
  ].join('\n');
}

function settings(material: Material): string {
  const { plan } = material;
  const words = settingWords(material).map(([key, value]) => `${key}: ${value}`);
  return [
    'Type: LoRA',
    `Base model: ${civitaiBase(material)}`,
    `Trained on: ${plan.model.name}`,
    'Recommended strength: 0.8 to 1',
    ...words,
    `SHA-256: ${material.sha256}`,
    '',
  ].join('\n');
}
