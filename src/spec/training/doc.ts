/** The parts that the schema of run.yaml is made of: keys with their metadata, and common kinds of values. */
import { z } from 'zod';

interface Doc {
  readonly description: string;
  readonly why: string;
  readonly unit?: string;
}

/** A key with its metadata, which the docs, the wizard and the comments of written files show. */
export const doc = <T extends z.ZodType>(schema: T, description: string, why: string, unit?: string): T =>
  schema.meta({ description, why, ...(unit === undefined ? {} : { unit }) } satisfies Doc) as T;

/** A setting inside a key whose value is a group. Its `why` is at the key. */
export const part = <T extends z.ZodType>(schema: T, description: string): T => schema.meta({ description }) as T;

export const count = (min: number, max: number) => z.number().int().min(min).max(max);
export const share = () => z.number().min(0).max(1);
export const line = (max: number) =>
  z
    .string()
    .max(max)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are to be refused
    .regex(/^[^\u0000-\u001f\u007f-\u009f]*$/u, 'must be one line without control characters');
