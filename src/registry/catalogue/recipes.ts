/** Recipes: the run.yaml keys that they must fill, whether their values are valid, and what a card changes in them. */
import { z } from 'zod';
import { type Goal, goals, specSchema } from '../../spec/schema.ts';
import type { MemoryClass, ModelEntry, Recipe } from './schema.ts';

/** Keys without a default that only the person can choose. */
const PERSONS_OWN = new Set(['version', 'name', 'dataset.path', 'dataset.goal', 'model.base']);

/** Every key of run.yaml that holds a value (not a group), by its dotted name. */
export function specLeaves(): ReadonlyMap<string, z.ZodType> {
  const leaves = new Map<string, z.ZodType>();
  const walk = (schema: z.ZodObject, prefix: string): void => {
    for (const [key, value] of Object.entries(schema.shape) as [string, z.ZodType][]) {
      if (value instanceof z.ZodObject) walk(value, `${prefix}${key}.`);
      else leaves.set(prefix + key, value);
    }
  };
  walk(specSchema, '');
  return leaves;
}

/** The keys that every recipe must fill: those without a default of their own that are not the person's to choose. */
export function recipeKeys(): readonly string[] {
  return [...specLeaves()].flatMap(([key, schema]) =>
    PERSONS_OWN.has(key) || schema instanceof z.ZodDefault ? [] : [key],
  );
}

/**
 * Problems of a recipe as lines; empty when every value is valid for run.yaml and, with `complete`, no key is missing.
 */
export function recipeProblems(recipe: Recipe, { complete }: { complete: boolean }): string[] {
  const leaves = specLeaves();
  const problems: string[] = [];
  for (const [key, value] of Object.entries(recipe)) {
    const schema = leaves.get(key);
    if (schema === undefined) problems.push(`${key}: no such key in run.yaml`);
    else if (PERSONS_OWN.has(key)) problems.push(`${key}: only the person can choose it`);
    else {
      const result = schema.safeParse(value);
      if (!result.success) problems.push(`${key}: ${result.error.issues[0]?.message ?? 'not valid'}`);
    }
  }
  if (complete) for (const key of recipeKeys()) if (!(key in recipe)) problems.push(`${key}: missing from the recipe`);
  return problems;
}

/** The memory class of a card with `gigabytes` of memory; null when the card is smaller than every class. */
export function memoryClassFor(entry: ModelEntry, gigabytes: number): MemoryClass | null {
  // Cards report a little less than their name says (11.9 for 12 GB), so half a GB is forgiven.
  const fitting = entry.memory_classes.filter((c) => c.from_gb <= gigabytes + 0.5);
  return fitting.reduce<MemoryClass | null>((best, c) => (best && best.from_gb >= c.from_gb ? best : c), null);
}

/**
 * The recipe of a goal, with `trigger` in its sample prompts. A goal without a recipe of its own gets the first recipe.
 */
export function recipeFor(entry: ModelEntry, goal: Goal, trigger = ''): Recipe {
  const recipe = entry.recipes[goal] ?? goals.map((g) => entry.recipes[g]).find((r) => r !== undefined) ?? {};
  const prompts = recipe['samples.prompts'];
  if (!Array.isArray(prompts)) return recipe;
  return { ...recipe, 'samples.prompts': prompts.map((p) => withTrigger(String(p), trigger)) };
}

/**
 * Puts the trigger into a prompt template. Without a trigger the template's fallback stands there, or nothing, without
 * a gap.
 */
export function withTrigger(template: string, trigger: string): string {
  const word = trigger.trim();
  return template
    .replace(/\{trigger(?:\|([^}]*))?\}/g, (_, fallback: string | undefined) => word || (fallback ?? ''))
    .replace(/\s+/g, ' ')
    .replace(/\s+,/g, ',')
    .replace(/,(\s*,)+/g, ',')
    .replace(/^[,\s]+|[,\s]+$/g, '');
}
