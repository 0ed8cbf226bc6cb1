/** Turns a preset of the person's own into answers. */
import type { Registry } from '../../registry/catalogue/schema.ts';
import type { OwnPreset } from '../../spec/own-preset.ts';
import type { Answers } from '../questions/question.ts';
import { SETTING } from '../questions/values.ts';

const you = (value: string) => ({ value, by: 'you' as const });

export function fromPreset({ values }: OwnPreset, registry: Registry): Answers {
  const base = values.get('model.base');
  const goal = values.get('dataset.goal');
  const known = registry.models.find(({ id, aliases }) => id === base || aliases.includes(String(base)));
  const settings = [...values].filter(([key]) => key !== 'model.base' && key !== 'dataset.goal');
  return {
    ...(typeof goal === 'string' ? { 'dataset.goal': you(goal) } : {}),
    ...(known === undefined ? {} : { 'model.base': you('more'), 'model.more': you(known.id) }),
    ...Object.fromEntries(settings.map(([key, value]) => [SETTING + key, you(JSON.stringify(value))])),
  };
}
