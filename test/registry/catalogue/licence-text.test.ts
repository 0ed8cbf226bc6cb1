/** The licence of a base that goes with a LoRA: which addresses of models that a person added it may name. */
import { expect, it } from 'vitest';
import { baseLicence, licenceText } from '../../../src/registry/catalogue/licence-text.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';

const registry = loadRegistry({ configDir: '/nowhere' });
const [model] = registry.models;

const addressOf = (url: string, added: boolean) => {
  if (model === undefined) throw new Error('The registry is empty.');
  const entry = { ...model, id: 'mine', license: { ...model.license, url }, ...(added ? { added_in: '/x' } : {}) };
  return baseLicence({ ...registry, models: [entry] }, 'mine').url;
};

it.each([
  ['https://huggingface.co/me/tiny', 'https://huggingface.co/me/tiny'],
  ['https://civitai.com/models/1?modelVersionId=2&token=secret', 'https://civitai.com/models/1?modelVersionId=2'],
  ['https://me:secret@huggingface.co/me/tiny?token=secret#secret', 'https://huggingface.co/me/tiny'],
  ['http://mirror.house:8080/me/tiny', null],
  ['https://huggingface.co.example/me/tiny', null],
  ['/home/ann/mix.safetensors', null],
  ['', null],
])('the page %s of an added model is told as %s', (url, told) => {
  expect(addressOf(url, true)).toBe(told);
});

it('the address of a built-in model is told as it is', () => {
  expect(addressOf('https://example.org/licence', false)).toBe('https://example.org/licence');
  expect(licenceText(baseLicence(registry, 'sdxl'))).toContain('https://');
});
