/** Rules for an embedding that is trained beside the LoRA. */
import type { z } from 'zod';
import type { pivotalKeys } from './pivotal-keys.ts';
import { type Rule as RuleOf, when } from './rule.ts';

interface Ruled {
  readonly dataset: { readonly trigger: string };
  readonly training: z.output<z.ZodObject<typeof pivotalKeys>> & {
    readonly optimizer: string;
    readonly learning_rate: number;
    readonly preservation: object | null;
  };
}

type Rule = RuleOf<Ruled>;

export const pivotalRules: readonly Rule[] = [
  {
    key: 'training.pivotal',
    level: 'error',
    check: ({ dataset: d, training: t }) =>
      when(
        t.pivotal !== null && d.trigger.trim() === '',
        'trains an embedding for the trigger, but there is none: set dataset.trigger',
      ),
  },
  {
    key: 'training.pivotal',
    level: 'error',
    check: ({ training: t }) =>
      when(
        t.pivotal !== null && t.preservation !== null,
        'encodes captions in every step, and training.preservation needs those of the base: write null for one of them',
      ),
  },
  {
    key: 'training.pivotal',
    level: 'error',
    check: ({ training: t }) =>
      when(
        t.pivotal !== null && t.optimizer.startsWith('prodigy') && t.pivotal.learning_rate !== t.learning_rate,
        `has a rate of its own, and ${t.optimizer} has one for all: write learning_rate: ${t.learning_rate} in it, or take another optimizer`,
      ),
  },
];
