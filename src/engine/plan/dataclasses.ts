/**
 * Generates the trainer's dataclasses of plan.json from `planSchema`. `npm run docs` writes them to
 * `trainer/visiontrain_trainer/contract/plan_schema.py`; a test fails when that file differs.
 */
import { z } from 'zod';
import { PLAN_VERSION, planSchema } from './schema.ts';

type Schema = z.core.JSONSchema.JSONSchema;

const HEAD = `"""plan.json as dataclasses, made from \`src/engine/plan/schema.ts\` by \`npm run docs\`: never edited by hand.

What each key means stands there. Nothing is defaulted here. Sizes are (width, height) in pixels.
"""
# fmt: off
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VERSION = ${PLAN_VERSION}
`;

/** The whole Python module, each class before the one that holds it. */
export function planDataclasses(): string {
  const classes = new Map<string, string>();
  addClass('Plan', z.toJSONSchema(planSchema), classes);
  return `${HEAD}${[...classes.values()].map((text) => `\n\n${text}`).join('')}`;
}

function addClass(name: string, schema: Schema, classes: Map<string, string>): string {
  const fields = Object.entries(schema.properties ?? {}).map(
    ([key, value]) => `    ${key}: ${pythonType(value as Schema, key, classes)}\n`,
  );
  const text = `@dataclass(frozen=True)\nclass ${name}:\n${fields.join('')}`;
  if ((classes.get(name) ?? text) !== text) throw new Error(`Two different objects of the plan are called ${name}.`);
  classes.set(name, text);
  return name;
}

/** Classes whose usual name is taken: `Image` is Pillow's. */
const NAMES: Readonly<Record<string, string>> = { image: 'PlanImage' };

/**
 * The Python type of a value. An object gets a class of its own, named after its key; an object in a list gets the
 * singular of the key.
 */
function pythonType(schema: Schema, key: string, classes: Map<string, string>): string {
  const inner = (of: unknown, name = key) => pythonType(of as Schema, name, classes);
  if (schema.type === 'null') return 'None';
  if (schema.enum !== undefined) return `Literal[${schema.enum.map(literal).join(', ')}]`;
  if (schema.const !== undefined) return `Literal[${literal(schema.const)}]`;
  if (Array.isArray(schema.type)) return unionType(schema.type.map((type) => inner({ ...schema, type })));
  if (schema.anyOf !== undefined) return unionType(schema.anyOf.map((each) => inner(each)));
  if (Array.isArray(schema.prefixItems)) return `tuple[${schema.prefixItems.map((each) => inner(each)).join(', ')}]`;
  if (schema.type === 'array') return `list[${inner(schema.items, key.replace(/s$/, ''))}]`;
  if (schema.type === 'object')
    return schema.properties === undefined
      ? `dict[str, ${inner(schema.additionalProperties)}]`
      : addClass(NAMES[key] ?? className(key), schema, classes);
  const plain = PLAIN[schema.type ?? ''];
  if (plain === undefined) throw new Error(`The plan's ${key} has a type that the trainer cannot read.`);
  return plain;
}

/**
 * The Python type of a union: several literals, one type and None, or a number and a text. For other unions the
 * trainer's reader could not tell which type is meant.
 */
function unionType(types: readonly string[]): string {
  const literals = types.flatMap((type) => /^Literal\[(.+)\]$/.exec(type)?.[1] ?? []);
  const others = types.filter((type) => !type.startsWith('Literal[') && type !== 'None');
  const kinds = [...(literals.length > 0 ? [`Literal[${literals.join(', ')}]`] : []), ...others];
  if (kinds.length !== 1 && kinds.join() !== 'int,str')
    throw new Error(`The trainer cannot read a union of ${kinds.join(' and ')}.`);
  return [...kinds, ...(types.includes('None') ? ['None'] : [])].join(' | ');
}

const PLAIN: Readonly<Record<string, string>> = {
  string: 'str',
  integer: 'int',
  number: 'float',
  boolean: 'bool',
};

const literal = (value: unknown): string =>
  typeof value === 'boolean' ? (value ? 'True' : 'False') : JSON.stringify(value);

const className = (key: string): string => key.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
