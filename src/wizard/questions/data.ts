/** Questions about the mode and the data set: where the images are, the goal, and the trigger. */
import { basename, resolve } from 'node:path';
import { absolute, displayPath } from '../../base/paths.ts';
import { dataPlace } from '../../engine/brought/unpackers.ts';
import { ARCHIVE_ENDING } from '../../engine/dataset/names.ts';
import { arrangementLines } from '../../engine/prepare/arrangement.ts';
import { captionQuestions } from './captions.ts';
import { modeForm, modeQuestion } from './mode.ts';
import type { Question } from './question.ts';
import { answered } from './question.ts';

const mode: Question = {
  id: 'mode',
  step: 'mode',
  label: modeQuestion.words.label,
  text: () => modeQuestion.words.text,
  why: modeQuestion.words.why,
  terms: ['lora', 'run.yaml'],
  form: ({ answers, facts }) => {
    const form = modeForm({ draft: undefined, lastMode: facts.lastMode });
    return { ...form, initial: answers.mode?.value ?? form.initial };
  },
  record: modeQuestion.record,
};

const path: Question = {
  id: 'dataset.path',
  step: 'data',
  label: 'Pictures',
  text: () => 'Where are your pictures?',
  why: 'A folder with 10 to 100 pictures, sub-folders too; or a zip, tar or parquet file, or hf:owner/name of the hub. Nothing in it is changed.',
  terms: ['data set', 'caption'],
  form: ({ answers, facts }) => ({
    kind: 'line',
    initial: answers['dataset.path']?.value ?? facts.nearestImages ?? '',
    ...(answers['dataset.path'] === undefined && facts.nearestImages === undefined
      ? { placeholder: 'type a folder; Tab completes' }
      : {}),
    path: 'pictures',
  }),
  record: (value, { facts }) => (value.startsWith('hf:') ? value : displayPath(absolute(value, facts), facts.cwd)),
  sets: (value, { facts }) => ({ 'dataset.path': dataPlace(value, facts) }),
};

const arrangement: Question = {
  id: 'arrangement',
  step: 'data',
  label: 'Folders',
  mode: 'advanced',
  text: () => 'Your folder is arranged in parts. How shall it be read?',
  why: 'Parts become dataset.sources of run.yaml, each with settings of its own; you can change them among the settings.',
  terms: ['data set'],
  when: ({ facts }) => facts.folder?.arranged !== undefined,
  form: ({ answers, facts }) => ({
    kind: 'choose',
    initial: answers.arrangement?.value ?? 'found',
    choices: [
      {
        value: 'found',
        cells: ['As it was found', 'parts, regularisation, masks, validation'],
        about: facts.folder?.arranged === undefined ? '' : arrangementLines(facts.folder.arranged).join('; '),
      },
      {
        value: 'plain',
        cells: ['As one folder of pictures', 'without sources and masks'],
        about: 'Numbers in the names of folders still say how often their pictures are used.',
      },
    ],
  }),
  record: (value) => (value === 'plain' ? 'as one folder of pictures' : 'as they were found'),
};

const goal: Question = {
  id: 'dataset.goal',
  step: 'data',
  label: 'Teaches',
  text: () => 'What do the pictures teach?',
  why: 'It picks the recipe.',
  terms: ['goal', 'recipe'],
  form: ({ answers }) => ({
    kind: 'choose',
    initial: answers['dataset.goal']?.value ?? 'character',
    choices: [
      {
        value: 'character',
        cells: ['A character or thing', 'one subject that should look the same each time'],
        about: 'Learns quickly; 15 to 40 varied pictures do.',
      },
      {
        value: 'style',
        cells: ['A style', 'how pictures are drawn, whatever they show'],
        about: 'Wants more pictures with many subjects, and more steps.',
      },
      {
        value: 'concept',
        cells: ['A concept', 'a pose, a kind of place, a way of dressing'],
        about: 'Show it on many subjects, so that only the concept is common.',
      },
    ],
  }),
  record: (value) => ({ character: 'a character or thing', style: 'a style', concept: 'a concept' })[value] ?? value,
  sets: (value) => ({ 'dataset.goal': value }),
};

/** The answer that means no trigger word. */
const NONE = '-';

const trigger: Question = {
  id: 'dataset.trigger',
  step: 'data',
  label: 'Trigger',
  text: ({ facts: { folder } }) => {
    const question = 'Which word calls your LoRA in a prompt?';
    if (folder?.commonWord !== undefined) return `Your captions all say ${folder.commonWord}. ${question}`;
    return folder?.namedFor === undefined ? question : `Your folders are named for ${folder.namedFor}. ${question}`;
  },
  why: 'Best a word that means nothing yet, so that nothing else is overwritten. It goes in front of every caption; a single - is none.',
  terms: ['trigger word', 'caption'],
  form: (context) => ({
    kind: 'line',
    initial:
      answered(context, 'dataset.trigger') ??
      context.facts.folder?.commonWord ??
      context.facts.folder?.namedFor ??
      inventTrigger(answered(context, 'dataset.path') ?? ''),
    setting: 'dataset.trigger',
  }),
  record: (value) => (value === NONE ? 'none' : value),
  sets: (value) => ({ 'dataset.trigger': value === NONE ? '' : value }),
};

/**
 * Makes a trigger from the folder's name: nearly pronounceable, and unknown to any model. `fox-emblem` → `zfxmblm`.
 */
export function inventTrigger(path: string): string {
  const letters = basename(resolve('/', path))
    .replace(ARCHIVE_ENDING, '')
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z]/g, '');
  const consonants = letters.replaceAll(/[aeiou]/g, '');
  return `z${(consonants.length >= 3 ? consonants : letters).slice(0, 6) || 'subject'}`;
}

export const dataQuestions: readonly Question[] = [mode, path, arrangement, goal, trigger, ...captionQuestions];
