/**
 * Reads a file of prompts named by `samples.prompts`, in the three forms of sd-scripts: lines of text with flags
 * behind them, TOML with `[prompt]` and `[[prompt.subset]]`, or a JSON list. The prompts replace the file's name, so
 * that a run keeps them whatever happens to the file.
 */
import { extname } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import { inOneLine, VisiontrainError } from '../../base/errors.ts';
import { plural } from '../../base/text.ts';
import { typedPath } from '../../base/typed-path.ts';
import type { KeyProblem } from '../../spec/problems.ts';
import { readTextFile } from '../../spec/read-text.ts';
import { isMapping, type Mapping } from './mapping.ts';

const KEY = ['samples', 'prompts'];

/** sd-scripts' names of a prompt's settings, each with its flag here. */
const FLAGS: Readonly<Record<string, string>> = {
  negative_prompt: 'n',
  width: 'w',
  height: 'h',
  seed: 'd',
  sample_steps: 's',
  scale: 'l',
};

export interface WithPrompts {
  readonly document: Mapping;
  readonly problems: readonly KeyProblem[];
}

/**
 * The document with the prompts of the file that it names. A document with a list of prompts, or none, is not changed.
 */
export function withPromptFile(document: Mapping, dir: string): WithPrompts {
  const samples = document.samples;
  const named = isMapping(samples) ? samples.prompts : undefined;
  if (!isMapping(samples) || typeof named !== 'string') return { document, problems: [] };
  const failed = (message: string): WithPrompts => ({
    document: { ...document, samples: { ...samples, prompts: [] } },
    problems: [{ path: KEY, message }],
  });
  const read = FORMS[extname(named).toLowerCase()];
  // A text that is no file name is a prompt without its list brackets, which the schema reports.
  if (read === undefined && !/^\S+\.\w{1,5}$/u.test(named)) return { document, problems: [] };
  if (read === undefined) return failed('must be a list of prompts, or a file of them: .txt, .toml or .json');
  try {
    const file = readTextFile(typedPath(named, dir));
    if ('problem' in file) return failed(`${named} ${file.problem}`);
    return { document: { ...document, samples: { ...samples, prompts: read(file.text) } }, problems: [] };
  } catch (error) {
    if (error instanceof VisiontrainError) return failed(inOneLine(error));
    const [first = ''] = error instanceof Error ? error.message.split('\n') : [];
    return failed(`${named} cannot be read as prompts: ${first}`);
  }
}

const FORMS: Readonly<Record<string, (text: string) => readonly string[]>> = {
  '.txt': (text) =>
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  '.toml': (text) => {
    const { prompt } = parseToml(text);
    if (!isMapping(prompt)) throw new Error('it has no [prompt]');
    const { subset, ...common } = prompt;
    if (!Array.isArray(subset) || subset.length === 0) throw new Error('it has no [[prompt.subset]]');
    return subset.map((one, i) => lineOf(isMapping(one) ? { ...common, ...one } : one, i));
  },
  '.json': (text) => {
    const list: unknown = JSON.parse(text);
    if (!Array.isArray(list)) throw new Error('it holds no list');
    return list.map(lineOf);
  },
};

/**
 * A prompt with its settings as one line.
 * @throws Error that says which prompt is wrong, and why
 */
function lineOf(one: unknown, index: number): string {
  if (typeof one === 'string') return one.trim();
  const place = `prompt ${index + 1}`;
  if (!isMapping(one) || typeof one.prompt !== 'string') throw new Error(`${place} has no text named prompt`);
  const { prompt, ...settings } = one;
  const strange = Object.keys(settings).filter((name) => FLAGS[name] === undefined);
  if (strange.length > 0)
    throw new Error(
      `${place} has ${plural(strange.length, 'setting')} that means nothing here: ${strange.join(', ')}. Take it out`,
    );
  const flags = Object.entries(settings).map(([name, value]) => ` --${FLAGS[name]} ${oneLine(String(value))}`);
  return `${oneLine(prompt)}${flags.join('')}`;
}

const oneLine = (text: string) => text.replaceAll(/\s+/gu, ' ').trim();
