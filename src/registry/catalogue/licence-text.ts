/** Words about the licence of a base model, to be passed on together with a LoRA that was trained on it. Pure. */
import { findBase } from './find.ts';
import type { Registry } from './schema.ts';

export interface BaseLicence {
  /** Title of the model. */
  readonly model: string;
  /** Name of the licence; null for a model of the person's own whose licence is unknown. */
  readonly name: string | null;
  readonly url: string | null;
  /** One sentence; empty when the licence restricts nothing but liability. */
  readonly restrictions: string;
}

/**
 * The licence of a base model.
 * @param base id of the registry, or the name of a file of the person's own
 */
export function baseLicence(registry: Registry, base: string): BaseLicence {
  const entry = findBase(registry, base);
  if (entry === undefined) return { model: base, name: null, url: null, restrictions: '' };
  const { name, url, restrictions } = entry.license;
  const page = entry.added_in === undefined ? url : publicPage(url);
  return { model: entry.title, name, url: page === '' ? null : page, restrictions };
}

/** Sites whose pages everyone may know; a mirror or a server of one's own names a host that is nobody else's business. */
const PUBLIC = new Set(['https://huggingface.co', 'https://civitai.com']);

/** The address of a model's public page without a login in it; empty for others. */
function publicPage(address: string): string {
  if (!URL.canParse(address)) return '';
  const { origin, pathname, searchParams } = new URL(address);
  const version = searchParams.get('modelVersionId');
  return PUBLIC.has(origin) ? origin + pathname + (version === null ? '' : `?modelVersionId=${version}`) : '';
}

/** The text of a licence file for the LoRA; its first line names the licence. */
export function licenceText({ model, name, url, restrictions }: BaseLicence): string {
  if (name === null)
    return `The licence of ${model} is not known here: it is a file of the person who trained.\nAsk where it comes from before you give this LoRA to others.\n`;
  return [
    `${model}: ${name}`,
    ...(url === null ? [] : [url]),
    ...(restrictions === '' ? [] : ['', restrictions]),
    '',
    'A LoRA holds no weights of its base model, but is of use with it alone, so that its licence binds those who use both.',
    '',
  ].join('\n');
}
