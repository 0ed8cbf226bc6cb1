/** Learning rates of the text encoders as sd-scripts logs them: parts of a step's rate, which all follow one schedule. */
import { glanceAtPlan } from '../run-folder/run-files.ts';

export interface TextRate {
  /** Name behind `lr/`. */
  readonly name: string;
  /** What the rate of the U-Net is multiplied with. */
  readonly share: number;
  /** Last step that trains the text encoders; null where each does. */
  readonly until: number | null;
}

interface Rates {
  readonly learning_rate?: unknown;
  readonly text_encoder_learning_rates?: unknown;
  readonly text_encoder_steps?: unknown;
}

/** One for all text encoders, or one for each where their rates differ; none where they are not trained. */
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
