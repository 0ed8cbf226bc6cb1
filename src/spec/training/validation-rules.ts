/** Rules for validation, and for a run that ends by its validation loss. */
import { type Rule as RuleOf, when } from './rule.ts';

interface Ruled {
  readonly dataset: { readonly validation_share: number };
  readonly validation: {
    readonly path: string | null;
    readonly every: number | string | null;
    readonly patience: number | null;
  };
  readonly output: { readonly checkpoint_every: number | string };
}

type Rule = RuleOf<Ruled>;

/** Whether a cadence counts minutes or hours, which fall on other steps in each run. */
const byTheClock = (every: number | string) => typeof every === 'string' && !every.includes('epoch');

export const validationRules: readonly Rule[] = [
  {
    key: 'validation.patience',
    level: 'error',
    check: ({ dataset: d, validation: v }) =>
      when(
        v.patience !== null && v.path === null && d.validation_share === 0,
        'needs pictures to measure on: set dataset.validation_share, such as 0.1, or validation.path',
      ),
  },
  {
    key: 'validation.patience',
    level: 'error',
    check: ({ validation: v, output: o }) => {
      const every = v.every ?? o.checkpoint_every;
      return when(
        v.patience !== null && (every === 0 || byTheClock(every)),
        'needs validations at the same steps in each run: set validation.every, such as "1 epoch"',
      );
    },
  },
  {
    key: 'validation.every',
    level: 'warning',
    check: ({ dataset: d, validation: v }) =>
      when(
        v.every !== null && v.path === null && d.validation_share === 0,
        'has no pictures to measure on: set dataset.validation_share, such as 0.1, or validation.path',
      ),
  },
];
