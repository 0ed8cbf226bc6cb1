/**
 * Translates settings of other trainers: which key here a foreign word stands for, with its value where it can be
 * converted. Pure.
 */
import { z } from 'zod';
import { plural } from '../base/text.ts';
import { lostWords } from './foreign/lost.ts';
import { asTyped, conversions } from './foreign/values.ts';
import type { ForeignWord } from './foreign/word.ts';
import { foreignWords } from './foreign/words.ts';
import { specSchema } from './schema.ts';
import { yamlValue } from './write.ts';

/** Facts about the run for which the foreign word was written. */
export interface KnownRun {
  /** Value of one of our keys, chosen by the person or the recipe. */
  readonly value: (key: string) => unknown;
  /** Number of image uses in an epoch without `dataset.repeats`; undefined when the folder cannot be read. */
  readonly uses: () => number | undefined;
}

/** The message for a word that is no key here; undefined for a word that no other trainer has either. */
export function foreignWord(name: string, value: unknown, run?: KnownRun): string | undefined {
  const wanted = plainName(name);
  const lost = lostWords.find(({ names }) => names.includes(wanted));
  if (lost !== undefined) return `no such setting: ${lost.say}`;
  const word = foreignWords.find(({ names }) => names.includes(wanted));
  if (word === undefined) return undefined;
  if (word.as === 'epochs') return `no such setting: here it is ${epochs(word, value, run)}`;
  const ours = convert(word, value);
  const note = word.note === undefined ? '' : ` (${word.note})`;
  return `no such setting: here it is ${word.key}${ours === undefined ? '' : `: ${yamlValue(ours)}`}${note}`;
}

/** The value in the form that our key takes; undefined when it cannot be converted to a valid one. */
export function convert({ key, as }: ForeignWord, value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  const typed = asTyped(value);
  const takes = schemaOf(key);
  for (const given of [typed, value]) {
    const ours = as === undefined || as === 'epochs' ? given : conversions[as](given);
    if (ours !== undefined && takes?.safeParse(ours).success) return ours;
  }
  return undefined;
}

/**
 * Conversions that are also applied to a value under our own key, because the foreign form can mean only one thing.
 */
const FORMS: readonly string[] = [
  'precision',
  'optimizer',
  'schedule',
  'side',
  'card',
  'extension',
  'prompts',
  'loss',
  'zeroIsOff',
  'checkpointing',
];

/** A value under one of our keys, converted from another trainer's form to ours: `float16` becomes `fp16`. */
export function ourForm(key: string, value: unknown): unknown {
  for (const word of foreignWords) {
    const ours = word.key === key && FORMS.includes(word.as ?? '') ? convert(word, value) : undefined;
    if (ours !== undefined) return ours;
  }
  return undefined;
}

/** The zod schema of a key. */
export function schemaOf(key: string) {
  const [section = '', field] = key.split('.');
  const found = specSchema.shape[section as 'training' | 'validation'];
  // A section that may be left out is wrapped in a prefault.
  const outer = (found instanceof z.ZodPrefault ? found.unwrap() : found) as typeof specSchema.shape.training;
  return field === undefined ? outer : outer?.shape[field as 'rank'];
}

/** Advice for a number of epochs: `training.steps: "10 epochs" (about 20 steps, with 4 pictures, 2 a step)`. */
function epochs({ key }: ForeignWord, value: unknown, run: KnownRun | undefined): string {
  const count = asTyped(value);
  const uses = run?.uses();
  const wanted = typeof count === 'number' && Number.isInteger(count) && count > 0 ? count : undefined;
  if (wanted === undefined) return `${key}, in steps, or as in "10 epochs"`;
  const ours = `${key}: ${yamlValue(`${wanted} epochs`.replace(/^1 epochs/u, '1 epoch'))}`;
  if (run === undefined || uses === undefined || uses === 0) return ours;
  const number = (ours: string) => {
    const found = run.value(ours);
    return typeof found === 'number' && found >= 1 ? found : 1;
  };
  const images = uses * number('dataset.repeats');
  const batch = number('training.batch_size');
  const passes = number('training.gradient_accumulation');
  const steps = Math.max(1, Math.ceil((wanted * Math.ceil(images / batch)) / passes));
  const together = batch * passes === 1 ? '' : `, ${batch * passes} a step`;
  return `${ours} (about ${plural(steps, 'step')}, with ${plural(images, 'picture')}${together})`;
}

/**
 * Value of one of our keys in a document that may hold it under another trainer's word, in any section. Our own key is
 * preferred.
 */
export function anyWord(key: string, words: ReadonlyMap<string, unknown>): unknown {
  const [, field = key] = key.split('.');
  const names = foreignWords.filter((word) => word.key === key && word.as === undefined).flatMap((word) => word.names);
  for (const name of [field, ...names]) if (words.has(name)) return asTyped(words.get(name));
  return undefined;
}

export const plainName = (name: string): string => name.slice(0, 100).toLowerCase().replaceAll('-', '_');

/**
 * The value of a word in the form that our key takes, epochs included; undefined when it cannot be converted to a
 * valid one.
 */
export function convertWord(word: ForeignWord, value: unknown): unknown {
  if (word.as !== 'epochs') return convert(word, value);
  const count = asTyped(value);
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1) return undefined;
  return count === 1 ? '1 epoch' : `${count} epochs`;
}

/** Keys of run.yaml whose last part is this word. */
export const fieldKeys = (name: string): readonly string[] =>
  Object.entries(specSchema.shape).flatMap(([section, node]) => {
    const shape = (node as { shape?: Readonly<Record<string, unknown>> }).shape;
    if (shape === undefined) return section === name ? [section] : [];
    return Object.hasOwn(shape, name) ? [`${section}.${name}`] : [];
  });
