/** Compares run.yaml as it is now with the plan that a run continues with. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { plural } from '../../base/text.ts';
import { findKey } from '../../spec/keys.ts';
import type { Plan } from './schema.ts';

export interface SpecChange {
  /** Dotted key of run.yaml. */
  readonly key: string;
  readonly planned: unknown;
  readonly now: unknown;
}

/** Section of the plan → section of run.yaml. */
const sections = {
  data: 'dataset',
  model: 'model',
  training: 'training',
  validation: 'validation',
  samples: 'samples',
  output: 'output',
  resources: 'resources',
} as const;

/** Keys that have another name in the plan, or whose value is computed for the plan. */
const renamed: Readonly<Record<string, string>> = {
  'model.name': 'model.base',
  'training.warmup_steps': 'training.warmup',
  'training.text_encoder_learning_rates': 'training.text_encoder_learning_rate',
};

/** Keys that follow the machine, and do not change the result that a run promises. */
const ofTheMachine = new Set(['resources.device', 'resources.threads', 'resources.workers', 'resources.probe']);

/**
 * Keys of run.yaml that would give another plan now; the values are those of the plan. `dataChanges` compares the
 * images.
 * @param now the plan of the run's own run.yaml, made on this machine
 */
export function specChanges(then: Plan, now: Plan): readonly SpecChange[] {
  return Object.entries(sections).flatMap(([part, section]) => {
    const [before, after] = [then[part as 'data'], now[part as 'data']] as Readonly<Record<string, unknown>>[];
    return Object.keys(after ?? {}).flatMap((field) => {
      const key = renamed[`${section}.${field}`] ?? `${section}.${field}`;
      const same = isDeepStrictEqual(before?.[field], after?.[field]);
      if (same || ofTheMachine.has(key) || findKey(key) === undefined) return [];
      return [{ key, planned: before?.[field], now: after?.[field] }];
    });
  });
}

/**
 * A sentence about images that would be trained at another size, because `dataset.resolution` or a key of the buckets
 * changed.
 */
export function sizeChanges(then: Plan, now: Plan): string | undefined {
  const before = new Map(then.data.images.map(({ id, bucket }) => [id, bucket]));
  const other = now.data.images.filter(({ id, bucket }) => {
    const was = before.get(id);
    return was !== undefined && !isDeepStrictEqual([...was], [...bucket]);
  });
  return other.length === 0 ? undefined : `${plural(other.length, 'picture')} would be trained at another size`;
}
