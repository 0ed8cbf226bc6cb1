/** Reads a partial run.yaml that nothing has checked yet: values by path; undefined for a missing one. */

export type Mapping = Readonly<Record<string, unknown>>;

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function valueAt(document: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, name) => (isMapping(at) && Object.hasOwn(at, name) ? at[name] : undefined),
    document,
  );
}

/** Whether the document has a value at the path, which may lead into a list. */
export function has(document: Mapping, path: readonly string[]): boolean {
  return valueAt(document, path.slice(0, 2)) !== undefined;
}

/** The text in a field of a section; undefined when there is none, or it is no text. */
export function textAt(document: Mapping, section: string, field: string): string | undefined {
  const value = valueAt(document, [section, field]);
  return typeof value === 'string' ? value : undefined;
}
