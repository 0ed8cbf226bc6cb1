/** Easy mode's three questions about training, each with the recipe's value, one below and one above it. */

import { plural } from '../../base/text.ts';
import { rounded } from '../../spec/length.ts';
import { answered, type Choice, type Question, type WizardContext } from './question.ts';
import { entryOf, recipeValue, SETTING } from './values.ts';

/** An explanation that depends on earlier answers. */
type About = (context: WizardContext) => string;

interface Dial {
  readonly id: string;
  readonly label: string;
  readonly text: string;
  readonly why: string;
  readonly terms: readonly string[];
  /** The key that the question sets. The recipe's value is the middle choice. */
  readonly key: string;
  readonly choices: readonly { value: string; name: string; factor: number; note: string; about: string | About }[];
  /** Describes the scaled value in words. */
  readonly words: (value: number, context: WizardContext) => string;
  readonly sets: (factor: number, context: WizardContext) => Readonly<Record<string, unknown>>;
}

const number = (context: WizardContext, key: string) => Number(recipeValue(context, key) ?? 0);

function dial({ id, label, text, why, terms, key, choices, words, sets }: Dial): Question {
  const scaled = (factor: number, context: WizardContext) => words(number(context, key) * factor, context);
  const own = (context: WizardContext) => context.answers[SETTING + key]?.value;
  // The person's own value may be a text, such as `10 epochs`, which is shown as it is.
  const ownWords = (kept: string, context: WizardContext) => {
    const value: unknown = kept === '' ? '' : JSON.parse(kept);
    return typeof value === 'number' ? words(value, context) : String(value);
  };
  const whose = (kept: string, { facts }: WizardContext) =>
    JSON.stringify(facts.preset?.values.get(key)) === kept ? 'of your preset' : 'set by you';
  return {
    id,
    step: 'training',
    label,
    mode: 'easy',
    text: () => text,
    why,
    terms,
    // Without a recipe (for an unknown model) there is no middle to start from.
    when: (context) => recipeValue(context, key) !== undefined,
    form: (context) => {
      const kept = own(context);
      const mine: Choice[] =
        kept === undefined
          ? []
          : [
              {
                value: 'own',
                cells: ['Yours', ownWords(kept, context), whose(kept, context)],
                about: `${key}: ${kept}`,
              },
            ];
      return {
        kind: 'choose',
        initial: answered(context, id) ?? (kept === undefined ? 'normal' : 'own'),
        choices: [
          ...mine,
          ...choices.map(({ value, name, factor, note, about }) => ({
            value,
            cells: [name, scaled(factor, context), note],
            about: typeof about === 'string' ? about : about(context),
          })),
        ],
      };
    },
    record: (value, context) => {
      const choice = choices.find((c) => c.value === value);
      return choice === undefined
        ? `yours: ${ownWords(own(context) ?? '', context)}`
        : `${choice.name.toLowerCase()}: ${scaled(choice.factor, context)}`;
    },
    sets: (value, context): Readonly<Record<string, unknown>> => {
      const choice = choices.find((c) => c.value === value);
      return choice === undefined || choice.factor === 1 ? {} : sets(choice.factor, context);
    },
  };
}

/** Explains the number of steps: the recipe's uses of each image, or the bound that applied. */
function whyNormal(context: WizardContext): string {
  const rule = entryOf(context)?.length;
  const images = context.facts.folder?.usable ?? 0;
  if (rule === undefined || images === 0) return 'The recipe of this base model for what you teach.';
  const { least_uses, most_uses, least_steps, most_steps } = rule;
  return `From your ${plural(images, 'picture')}: people use each ${least_uses} to ${most_uses} times, in ${least_steps} to ${most_steps} steps.`;
}

const length = dial({
  id: 'length',
  label: 'Length',
  text: 'How long?',
  why: 'More steps learn more, until the pictures are copied instead of understood.',
  terms: ['step', 'epoch', 'overfitting'],
  key: 'training.steps',
  choices: [
    {
      value: 'short',
      name: 'Short',
      factor: 0.4,
      note: 'a first look',
      about: 'Enough to see whether the pictures and the trigger word work.',
    },
    {
      value: 'normal',
      name: 'Normal',
      factor: 1,
      note: 'what most people keep',
      about: whyNormal,
    },
    {
      value: 'long',
      name: 'Long',
      factor: 2,
      note: 'subtle styles',
      about: 'Watch the validation loss: the best checkpoint is named at the end, and may be an earlier one.',
    },
  ],
  words: (value, context) => {
    const steps = rounded(value);
    const batch = number(context, 'training.batch_size') || 1;
    const { usable: images = 0, folders = [] } = context.facts.folder ?? {};
    const uneven = new Set(folders.map(({ repeats }) => repeats)).size > 1;
    const passes =
      images > 0
        ? `, ${uneven ? 'pictures about' : 'each picture'} ${plural(Math.max(1, Math.round((steps * batch) / images)), 'time')}`
        : '';
    return `${steps} steps${passes}`;
  },
  sets: (factor, context) => ({ 'training.steps': rounded(number(context, 'training.steps') * factor) }),
});

const strength = dial({
  id: 'strength',
  label: 'Strength',
  text: 'How strong?',
  why: 'How much each step changes. Too strong gives noise and stiff poses, too gentle learns nothing.',
  terms: ['learning rate', 'scheduler'],
  key: 'training.learning_rate',
  choices: [
    {
      value: 'gentle',
      name: 'Gentle',
      factor: 0.5,
      note: 'mixes well with other LoRAs',
      about: 'Half the learning rate. Take a longer run with it.',
    },
    {
      value: 'normal',
      name: 'Normal',
      factor: 1,
      note: 'what most people keep',
      about: 'The learning rate of the recipe.',
    },
    {
      value: 'strong',
      name: 'Strong',
      factor: 2,
      note: 'few pictures, far from the model',
      about: 'Twice the learning rate. If the samples turn stiff or noisy, go back to normal.',
    },
  ],
  words: (value) => `learning rate ${Number(value.toPrecision(3))}`,
  sets: (factor, context) => ({
    'training.learning_rate': Number((number(context, 'training.learning_rate') * factor).toPrecision(6)),
  }),
});

const detail = dial({
  id: 'detail',
  label: 'Detail',
  text: 'How detailed?',
  why: 'How much the LoRA can hold. More is not better by itself: a small one cannot copy, so it has to understand.',
  terms: ['rank', 'alpha'],
  key: 'training.rank',
  choices: [
    {
      value: 'compact',
      name: 'Compact',
      factor: 0.5,
      note: 'small file, hard to overfit',
      about: 'Half the rank, half the file size.',
    },
    { value: 'normal', name: 'Normal', factor: 1, note: 'what most people keep', about: 'The rank of the recipe.' },
    {
      value: 'fine',
      name: 'Fine',
      factor: 2,
      note: 'styles with much texture',
      about: 'Twice the rank, twice the file size, a little more memory.',
    },
  ],
  words: (value) => `rank ${Math.max(1, Math.round(value))}`,
  // alpha changes with the rank, so that the scale alpha ÷ rank stays the same.
  sets: (factor, context) => ({
    'training.rank': Math.max(1, Math.round(number(context, 'training.rank') * factor)),
    'training.alpha': Math.max(1, number(context, 'training.alpha') * factor),
  }),
});

export const trainingQuestions: readonly Question[] = [length, strength, detail];
