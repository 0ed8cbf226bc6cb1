/** What Civitai's API says of a model version; only the fields we use. */
import { basename } from 'node:path';

export interface CivitaiVersion {
  readonly id?: number;
  readonly modelId?: number;
  readonly name?: string;
  readonly model?: { readonly name?: string };
  readonly files?: readonly {
    readonly name?: string;
    readonly type?: string;
    readonly primary?: boolean;
    readonly hashes?: { readonly SHA256?: string };
  }[];
}

export interface CivitaiFile {
  readonly name: string;
  readonly sha256: string;
}

/** The checkpoint of a version: the file with this hash where one is wanted, else the primary safetensors file. */
export function civitaiFile(version: CivitaiVersion, wanted?: string): CivitaiFile | undefined {
  const files = (version.files ?? []).flatMap(({ name, type, primary, hashes }) => {
    // Hashes come in upper case.
    const sha256 = hashes?.SHA256?.toLowerCase();
    return name?.endsWith('.safetensors') && sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256)
      ? [{ name: basename(name), sha256, first: primary === true ? 0 : type === 'Model' ? 1 : 2 }]
      : [];
  });
  return files.find((file) => file.sha256 === wanted) ?? files.sort((a, b) => a.first - b.first)[0];
}

/** Model and version numbers in a link to Civitai; undefined when it is none. */
export function civitaiLink(url: string): { model: number | undefined; version: number | undefined } | undefined {
  const { hostname, pathname, searchParams } = new URL(url);
  if (!/(^|\.)civitai\.(com|red)$/.test(hostname)) return undefined;
  const number = (text: string | null | undefined) => (/^\d+$/.test(text ?? '') ? Number(text) : undefined);
  return {
    model: number(/^\/models\/(\d+)/.exec(pathname)?.[1]),
    version: number(/^\/api\/download\/models\/(\d+)/.exec(pathname)?.[1] ?? searchParams.get('modelVersionId')),
  };
}
