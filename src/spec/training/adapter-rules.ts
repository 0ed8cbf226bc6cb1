/** Rules between the kind of adapter and other keys of a run. */
import type { z } from 'zod';
import type { adapterKeys } from './adapter-keys.ts';
import { type Rule as RuleOf, when } from './rule.ts';

interface Ruled {
  readonly training: z.output<z.ZodObject<typeof adapterKeys>> & {
    readonly optimizer: string;
    readonly rank: number;
    readonly learning_rate: number;
  };
  readonly output: { readonly diffusers: boolean };
}

type Rule = RuleOf<Ruled>;

/** Whether the adapter is anything but a plain LoRA. */
const isOther = ({ adapter, dora }: Ruled['training']) => adapter !== 'lora' || dora;

const kindOf = ({ adapter, dora }: Ruled['training']) => (dora ? 'dora' : adapter);

export const adapterRules: readonly Rule[] = [
  {
    key: 'training.dora',
    level: 'error',
    check: ({ training: t }) =>
      when(t.dora && t.adapter !== 'lora', `is for adapter: lora, not for ${t.adapter}: write false`),
  },
  {
    key: 'training.lokr',
    level: 'error',
    check: ({ training: t }) =>
      when(t.lokr !== null && t.adapter !== 'lokr', `is for adapter: lokr, not for ${t.adapter}: write null`),
  },
  {
    key: 'output.diffusers',
    level: 'error',
    check: ({ training: t, output: o }) =>
      when(
        o.diffusers && isOther(t),
        `diffusers reads no ${kindOf(t)} of these models: write false, or train adapter: lora`,
      ),
  },
  {
    key: 'training.rank_dropout',
    level: 'error',
    check: ({ training: t }) =>
      when(t.rank_dropout > 0 && t.adapter !== 'lora', `is for adapter: lora, whose ranks are directions: write 0`),
  },
  {
    key: 'training.t_lora',
    level: 'error',
    check: ({ training: t }) =>
      when(t.t_lora !== null && t.adapter !== 'lora', `is for adapter: lora, whose ranks are directions: write null`),
  },
  {
    key: 'training.t_lora',
    level: 'error',
    check: ({ training: t }) =>
      when(
        t.t_lora !== null && t.t_lora.min_rank >= t.rank,
        `has min_rank ${t.t_lora?.min_rank}, which must be below the rank ${t.rank}: all directions would be trained always`,
      ),
  },
  {
    key: 'training.lora_plus_ratio',
    level: 'error',
    check: ({ training: t }) =>
      when(
        t.lora_plus_ratio !== null && t.optimizer.startsWith('prodigy'),
        `gives weights different rates, and ${t.optimizer} has one for all: write null, or take another optimizer`,
      ),
  },
  {
    key: 'training.layers',
    level: 'error',
    check: ({ training: t }) =>
      when(
        t.layers.some(({ rate }) => rate !== 1) && t.optimizer.startsWith('prodigy'),
        `gives layers different rates, and ${t.optimizer} has one for all: write rate: 1, or take another optimizer`,
      ),
  },
  {
    key: 'training.rank',
    level: 'warning',
    check: ({ training: t }) =>
      when(
        t.adapter === 'loha' && t.rank > 32,
        'is high for a loha, whose change has up to rank × rank directions; 4 to 16 is usual',
      ),
  },
  {
    key: 'training.learning_rate',
    level: 'warning',
    check: ({ training: t }) =>
      when(
        t.rslora && t.rank >= 4 && !t.optimizer.startsWith('prodigy'),
        `acts ${Math.round(Math.sqrt(t.rank) * 10) / 10} times as strong with rslora at rank ${t.rank}: lower it where it was right before`,
      ),
  },
];
