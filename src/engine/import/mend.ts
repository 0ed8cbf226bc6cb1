/** Changes values of another trainer that would not work here as they are. Pure. */
import { RUN_NAME } from '../../spec/schema.ts';
import type { ImportLine } from './line.ts';

type Values = Map<string, unknown>;

/** Replaces learning rates for a whole model or an embedding, which do not suit a LoRA. */
export function otherThanLora(values: Values, theirs: string | undefined, changed: ImportLine[]): void {
  if (theirs === undefined) return;
  for (const key of ['training.learning_rate', 'training.text_encoder_learning_rate']) values.delete(key);
  changed.push({
    theirs,
    ours: 'training.adapter: lora',
    why: 'a LoRA is trained here, at the rate of the recipe: rates for other trainings do not fit one',
  });
}

/** Lower rates are no factor on the rate that Prodigy finds, which is 1 or a little less. */
const LEAST_FACTOR = 0.1;

/** Sets Prodigy's learning rate to 1: a rate for other optimisers would make the rate that it finds far too small. */
export function ownRate(values: Values, changed: ImportLine[]): void {
  const rate = values.get('training.learning_rate');
  if (!String(values.get('training.optimizer')).startsWith('prodigy')) return;
  const text = Number(values.get('training.text_encoder_learning_rate'));
  if (text > 0 && text !== rate) {
    values.set('training.text_encoder_learning_rate', rate ?? 1);
    const ours = `training.text_encoder_learning_rate: ${String(rate ?? 1)}`;
    changed.push({
      theirs: `a rate of ${text} for text encoders`,
      ours,
      why: 'Prodigy has one rate for all that learns',
    });
  }
  if (typeof rate === 'number' && rate >= LEAST_FACTOR) return;
  values.set('training.learning_rate', 1);
  if (Number(values.get('training.text_encoder_learning_rate')) > 0)
    values.set('training.text_encoder_learning_rate', 1);
  const theirs = rate === undefined ? 'no rate' : `a rate of ${String(rate)}`;
  changed.push({ theirs, ours: 'training.learning_rate: 1.0', why: 'Prodigy finds the rate by itself' });
}

/** A name without the spaces and signs that a run's folder must not have; undefined where nothing is left of it. */
export function runNameOf(theirs: unknown): string | undefined {
  if (typeof theirs !== 'string' || RUN_NAME.test(theirs)) return typeof theirs === 'string' ? theirs : undefined;
  const name = theirs
    .normalize('NFKD')
    .replaceAll(/[^A-Za-z0-9._-]+/gu, '-')
    .replaceAll(/^[-._]+|-+$/gu, '')
    .slice(0, 100);
  return RUN_NAME.test(name) ? name : undefined;
}
