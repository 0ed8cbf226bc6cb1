/** Rules for what the base model must not forget. */
import type { z } from 'zod';
import { type Rule as RuleOf, when } from './rule.ts';
import type { preservationKeys } from './subject-keys.ts';

interface Ruled {
  readonly dataset: {
    readonly trigger: string;
    readonly regularisation: { readonly path: string | null; readonly prompts: readonly string[] } | null;
  };
  readonly training: z.output<z.ZodObject<typeof preservationKeys>> & {
    readonly text_encoder_learning_rate: number | readonly number[];
  };
}

type Rule = RuleOf<Ruled>;

export const subjectRules: readonly Rule[] = [
  {
    key: 'dataset.regularisation',
    level: 'error',
    check: ({ dataset: { regularisation: r } }) =>
      when(
        r !== null && r.path === null && r.prompts.length === 0,
        'needs pictures: write path: ./folder, or prompts that the base draws them from, such as prompts: [a photo of a woman]',
      ),
  },
  {
    key: 'dataset.regularisation',
    level: 'warning',
    check: ({ dataset: { regularisation: r, trigger } }) =>
      when(
        trigger.trim() !== '' && (r?.prompts ?? []).some((p) => p.toLowerCase().includes(trigger.trim().toLowerCase())),
        'has a prompt with the trigger: what the base draws of it keeps the trigger from being learned',
      ),
  },
  {
    key: 'training.preservation',
    level: 'error',
    check: ({ training: t }) =>
      when(
        t.preservation !== null && [t.text_encoder_learning_rate].flat().some((rate) => rate > 0),
        'needs a text encoder that stays as it is: write text_encoder_learning_rate: 0',
      ),
  },
  {
    key: 'training.preservation',
    level: 'error',
    check: ({ dataset: d, training: t }) =>
      when(
        t.preservation !== null && t.preservation.class_word !== '' && d.trigger.trim() === '',
        'has a class_word, which stands in place of the trigger, but there is none: set dataset.trigger, or leave class_word empty',
      ),
  },
];
