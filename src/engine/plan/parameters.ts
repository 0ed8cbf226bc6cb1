/** Counts the weights of models and adapters. Pure. */
import type { RunSpec } from '../../spec/schema.ts';
import type { Plan } from './schema.ts';

/** LoRA parameters for each unit of rank, by the layers that have them, and bytes of the weights of the whole model. */
export const FAMILY = {
  sd15: {
    unet: { all: 423_936, attention: 199_296 },
    locon: { spatial: 544_000, others: 82_880 },
    encoders: [165_888],
    weights: 2_000_000_000,
  },
  sdxl: {
    unet: { all: 2_659_840, attention: 1_451_520 },
    locon: { spatial: 355_840, others: 58_560 },
    encoders: [165_888, 737_280],
    weights: 6_900_000_000,
  },
} as const;

/** Everything on which the number of an adapter's weights depends. */
export interface AdapterShape {
  readonly model: Pick<Plan['model'], 'family'>;
  readonly training: Pick<
    Plan['training'],
    'rank' | 'conv_rank' | 'targets' | 'adapter' | 'text_encoder_learning_rates'
  >;
}

/** Number of the adapter's weights. */
export function loraParameters({ model, training: t }: AdapterShape): number {
  const { unet, locon, encoders } = FAMILY[model.family];
  const trained = encoders.filter((_, index) => (t.text_encoder_learning_rates[index] ?? 0) > 0);
  const words = trained.reduce<number>((sum, each) => sum + each, 0);
  const convolutions = t.conv_rank > 0 ? t.conv_rank * locon.spatial + t.rank * locon.others : 0;
  // A LoHa has four thin matrices where a LoRA has two. A LoKr is smaller by about the root of a layer's side.
  const share = t.adapter === 'loha' ? 2 : t.adapter === 'lokr' ? 1 / 16 : 1;
  return share * (t.rank * (unet[t.targets] + words) + convolutions);
}

/** One learning rate for each text encoder of the family. */
export function textEncoderRates({ model, training }: Pick<RunSpec, 'model' | 'training'>): readonly number[] {
  const { text_encoder_learning_rate: rate } = training;
  if (Array.isArray(rate)) return rate;
  return model.family === 'sdxl' ? [rate, rate] : [rate];
}

/** Whether captions are encoded in every step, because a text encoder learns or an embedding does. */
export const encodesInSteps = (
  training: Pick<Plan['training'], 'text_encoder_learning_rates'> & { readonly pivotal: object | null },
): boolean => training.pivotal !== null || training.text_encoder_learning_rates.some((rate) => rate > 0);

/** The embedding in the form of the plan; null where none is trained. */
export const plannedPivotal = (
  pivotal: RunSpec['training']['pivotal'],
  trigger: string,
  steps: number,
): Plan['training']['pivotal'] => {
  if (pivotal === null) return null;
  const { until, ...rest } = pivotal;
  return { ...rest, word: trigger.trim(), steps: until === 1 ? null : Math.max(1, Math.round(until * steps)) };
};
