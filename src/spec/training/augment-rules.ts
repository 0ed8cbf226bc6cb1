/** Rules for variations of images. */
import type { z } from 'zod';
import type { augmentKeys } from './augment-keys.ts';
import { type Rule as RuleOf, when } from './rule.ts';

interface Ruled {
  readonly dataset: z.output<z.ZodObject<typeof augmentKeys>> & {
    readonly goal: string;
    readonly flip: boolean;
    readonly crop: string;
  };
}

type Rule = RuleOf<Ruled>;

const COLOURS = ['brightness', 'contrast', 'saturation', 'hue', 'gamma'] as const;

export const augmentRules: readonly Rule[] = [
  {
    key: 'dataset.augment',
    level: 'warning',
    check: ({ dataset: { augment: a, flip, crop } }) =>
      when(
        a !== null &&
          !flip &&
          crop === 'center' &&
          [...COLOURS, 'rotate', 'zoom'].every((name) => a[name as 'hue'] === 0),
        'changes nothing: set one of its numbers, such as rotate: 5 or zoom: 0.1, or leave it null',
      ),
  },
  {
    key: 'dataset.augment',
    level: 'warning',
    check: ({ dataset: { augment: a, goal } }) =>
      when(
        goal === 'style' && a !== null && COLOURS.some((name) => a[name] > 0),
        'changes colours, and a style is learned from them: rotate and zoom leave them as they are',
      ),
  },
];
