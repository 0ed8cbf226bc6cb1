/** Rules for what the base model must not forget. */
import type { z } from 'zod';
import { type Rule as RuleOf, when } from './rule.ts';
import type { preservationKeys } from './subject-keys.ts';

interface Ruled {
  readonly dataset: { readonly trigger: string };
  readonly training: z.output<z.ZodObject<typeof preservationKeys>> & {
    readonly text_encoder_learning_rate: number | readonly number[];
  };
}

type Rule = RuleOf<Ruled>;

export const subjectRules: readonly Rule[] = [
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
