/** Reads Civitai's API on model versions; only the fields that we use. */
import { basename } from 'node:path';
import { z } from 'zod';
import { checked } from './hub-listing.ts';

const number = z.number().int().positive().nullish();
const text = z.string().max(1000).nullish();
const versionSchema = z.object({
  id: number,
  modelId: number,
  name: text,
  model: z.object({ name: text }).nullish(),
  files: z
    .array(
      z.object({
        name: text,
        type: text,
        primary: z.boolean().nullish(),
        hashes: z.object({ SHA256: text }).nullish(),
      }),
    )
    .nullish(),
});
const modelSchema = z.object({ modelVersions: z.array(z.object({ id: number })).nullish() });

export type CivitaiVersion = z.infer<typeof versionSchema>;

/**
 * Reads the description of a version.
 * @throws {Fault} when the answer is none
 */
export const readVersion = (document: unknown, host: string): CivitaiVersion =>
  checked(versionSchema, document, { host, what: 'a description of a version' });

/**
 * Number of the newest version of a model.
 * @throws {Fault} when the answer is no description of a model
 */
export const newestVersion = (document: unknown, host: string): number | undefined =>
  checked(modelSchema, document, { host, what: 'a description of a model' }).modelVersions?.[0]?.id ?? undefined;

export interface CivitaiFile {
  readonly name: string;
  readonly sha256: string;
}

/** The checkpoint of a version: the file with the hash `wanted` if given, else the primary safetensors file. */
export function civitaiFile(version: CivitaiVersion, wanted?: string): CivitaiFile | undefined {
  const files = (version.files ?? []).flatMap(({ name, type, primary, hashes }) => {
    // Civitai writes hashes in upper case.
    const sha256 = hashes?.SHA256?.toLowerCase();
    return name?.endsWith('.safetensors') && sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256)
      ? [{ name: basename(name), sha256, first: primary === true ? 0 : type === 'Model' ? 1 : 2 }]
      : [];
  });
  return files.find((file) => file.sha256 === wanted) ?? files.sort((a, b) => a.first - b.first)[0];
}

/** Model and version numbers in a link to Civitai; undefined when the address is no such link. */
export function civitaiLink(url: string): { model: number | undefined; version: number | undefined } | undefined {
  const { hostname, pathname, searchParams } = new URL(url);
  if (!/(^|\.)civitai\.(com|red)$/.test(hostname)) return undefined;
  const numberIn = (text: string | null | undefined) => (/^\d+$/.test(text ?? '') ? Number(text) : undefined);
  return {
    model: numberIn(/^\/models\/(\d+)/.exec(pathname)?.[1]),
    version: numberIn(/^\/api\/download\/models\/(\d+)/.exec(pathname)?.[1] ?? searchParams.get('modelVersionId')),
  };
}
