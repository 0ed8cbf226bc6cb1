/** Steps from one version of run.yaml to the next; each takes and returns the plain document. */
import { SPEC_VERSION } from './schema.ts';

type Document = Readonly<Record<string, unknown>>;

/** The key is the version that a step starts from. Version 1 is the first version, so there is no step yet. */
const steps: ReadonlyMap<number, (document: Document) => Document> = new Map();

export type Migrated = { readonly document: Document } | { readonly problem: string };

/** Brings a document to the current version, or says why that cannot be. */
export function migrate(document: Document): Migrated {
  const { version } = document;
  if (version === undefined || version === null)
    return { problem: `is missing: start the file with version: ${SPEC_VERSION}` };
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1)
    return { problem: `must be the number ${SPEC_VERSION}` };
  if (version > SPEC_VERSION)
    return {
      problem: `this file is of version ${version}, made by a newer visiontrain; this one knows ${SPEC_VERSION}: update with npm install -g visiontrain@latest`,
    };
  let current = document;
  for (let from = version; from < SPEC_VERSION; from += 1) current = steps.get(from)?.(current) ?? current;
  return { document: { ...current, version: SPEC_VERSION } };
}
