/** Recipes: which run.yaml keys they must fill, whether they are valid, and how they use the trigger. */
import { z } from 'zod';
import { type Goal, goals, specSchema } from '../../spec/schema.ts';
import type { ModelEntry, Recipe } from './schema.ts';

/** Keys without a default that only the person can choose. */
const PERSONS_OWN = new Set(['version', 'name', 'dataset.path', 'dataset.goal', 'model.base']);

/** Every key of run.yaml that holds a value (not a group), by its dotted name. */
export function specLeaves(): ReadonlyMap<string, z.ZodType> {
  const leaves = new Map<string, z.ZodType>();
  const walk = (schema: z.ZodObject, prefix: string): void => {
    for (const [key, outer] of Object.entries(schema.shape) as [string, z.ZodType][]) {
      // A group that may be left out whole is wrapped.
      const value = outer instanceof z.ZodPrefault ? (outer.unwrap() as z.ZodType) : outer;
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

/**
 * The recipe of a goal, with `trigger` put into the sample prompts. A goal without a recipe gets that of the first
 * goal.
 */
export function recipeFor(entry: ModelEntry, goal: Goal, trigger = ''): Recipe {
  const recipe = entry.recipes[goal] ?? goals.map((g) => entry.recipes[g]).find((r) => r !== undefined) ?? {};
  const prompts = recipe['samples.prompts'];
  if (!Array.isArray(prompts)) return recipe;
  return { ...recipe, 'samples.prompts': prompts.map((p) => withTrigger(String(p), trigger)) };
}

/**
 * Puts the trigger into a prompt template. Without a trigger, the template's fallback takes its place, or nothing,
 * without leaving a gap.
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
