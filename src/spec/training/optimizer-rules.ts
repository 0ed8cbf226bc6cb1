/** Rules between the optimiser, its arguments and its rate. */
import type { z } from 'zod';
import { argsOf, type optimizerKeys, type optimizers } from './optimizer-keys.ts';
import { type Rule as RuleOf, when } from './rule.ts';

interface Ruled {
  readonly training: z.output<z.ZodObject<typeof optimizerKeys>> & {
    readonly optimizer: (typeof optimizers)[number];
    readonly learning_rate: number;
    readonly betas: readonly [number, number];
    readonly schedule: string;
    readonly max_weight_norm: number | null;
    readonly ema: object | null;
  };
}

type Rule = RuleOf<Ruled>;

const isScheduleFree = (optimizer: string) => optimizer.endsWith('_schedulefree');

/** Optimisers that take longer steps than AdamW at the same rate: the rate from which on a run is warned, and why. */
const LOWER_RATES: Readonly<Record<string, { readonly most: number; readonly why: string }>> = {
  lion: { most: 3e-4, why: 'whose every step has the full rate: a third to a tenth of adamw’s is usual, such as 3e-5' },
  // CAME divides by the root of an average of doubt that begins at 0 and takes 10,000 steps to fill.
  came: {
    most: 2e-4,
    why: 'whose steps are three to ten times as long as adamw’s in the first thousand: a tenth of its rate is safe, such as 1e-5',
  },
};

export const optimizerRules: readonly Rule[] = [
  {
    key: 'training.schedule',
    level: 'error',
    check: ({ training: t }) =>
      when(
        isScheduleFree(t.optimizer) && t.schedule !== 'constant',
        `is ${t.schedule}, but ${t.optimizer} averages its steps in place of a schedule, and would average the small late steps as much: write constant`,
      ),
  },
  {
    key: 'training.betas',
    level: 'error',
    check: ({ training: t }) =>
      when(
        isScheduleFree(t.optimizer) && t.betas[0] === 0,
        `has 0 first, but ${t.optimizer} takes gradients between its steps and their average by it: write ${t.optimizer === 'adamw_schedulefree' ? '[0.9, 0.999]' : '[0.9, 0.99]'}`,
      ),
  },
  {
    key: 'training.max_weight_norm',
    level: 'error',
    check: ({ training: t }) =>
      when(
        isScheduleFree(t.optimizer) && t.max_weight_norm !== null,
        `would shorten weights that ${t.optimizer} has averaged already: write null`,
      ),
  },
  {
    key: 'training.ema',
    level: 'error',
    check: ({ training: t }) =>
      when(
        isScheduleFree(t.optimizer) && t.ema !== null,
        `would average what ${t.optimizer} has averaged already: write null`,
      ),
  },
  {
    key: 'training.optimizer_args',
    level: 'error',
    check: ({ training: { optimizer, optimizer_args: args } }) => {
      const given = Object.entries(args ?? {}).filter(([, value]) => value !== null);
      const wrong = given.find(([name]) => !(argsOf[optimizer] as readonly string[]).includes(name))?.[0];
      if (wrong === undefined) return undefined;
      const known = argsOf[optimizer];
      const has = known.length === 0 ? 'none' : known.join(', ');
      return `has ${wrong}, which ${optimizer} does not take (it takes ${has}): remove it`;
    },
  },
  {
    key: 'training.learning_rate',
    level: 'error',
    check: ({ training: t }) =>
      when(
        t.optimizer.startsWith('prodigy') && t.learning_rate < 0.01,
        `is a rate for other optimizers: ${t.optimizer} finds the rate by itself, and ${t.learning_rate} would make it ${Math.round(1 / t.learning_rate)} times too small. Write 1`,
      ),
  },
  {
    key: 'training.learning_rate',
    level: 'warning',
    check: ({ training: t }) => {
      const limit = LOWER_RATES[t.optimizer];
      return limit !== undefined && t.learning_rate > limit.most
        ? `is high for ${t.optimizer}, ${limit.why}`
        : undefined;
    },
  },
];
