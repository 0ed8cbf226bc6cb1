/**
 * Computes the learning rates of the text encoders as sd-scripts logs them: shares of a step's rate, since all follow
 * one schedule.
 */
import { glanceAtPlan } from '../run-folder/run-files.ts';

export interface TextRate {
  /** Name of the tag after `lr/`. */
  readonly name: string;
  /** Factor on the rate of the U-Net. */
  readonly share: number;
  /** Last step in which the text encoders are trained; null when all steps train them. */
  readonly until: number | null;
}

interface Rates {
  readonly learning_rate?: unknown;
  readonly text_encoder_learning_rates?: unknown;
  readonly text_encoder_steps?: unknown;
}

/** One rate for all text encoders, or one for each where their rates differ; none where they are not trained. */
export function textRates(runDir: string): readonly TextRate[] {
  const { training } = (glanceAtPlan(runDir) ?? {}) as { training?: Rates };
  const { learning_rate: base, text_encoder_learning_rates: given, text_encoder_steps: steps } = training ?? {};
  const rates = Array.isArray(given) ? given.filter((rate): rate is number => typeof rate === 'number') : [];
  if (typeof base !== 'number' || base <= 0 || !rates.some((rate) => rate > 0)) return [];
  const until = typeof steps === 'number' ? steps : null;
  const isOne = new Set(rates).size === 1;
  return (isOne ? rates.slice(0, 1) : rates).map((rate, i) => ({
    name: isOne ? 'textencoder' : `textencoder ${i + 1}`,
    share: rate / base,
    until,
  }));
}
