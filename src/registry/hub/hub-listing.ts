/** What a hub says of the files of a repository, checked before any of it is used. */
import { z } from 'zod';
import { isFileSize } from '../../download/file/pieces.ts';
import { Fault } from '../../download/http/fault.ts';
import { innerPath } from '../catalogue/schema.ts';

export interface Listed {
  readonly path: string;
  readonly bytes: number | undefined;
  readonly sha256: string | undefined;
}

export interface Listing {
  /** Commit the revision stands for. */
  readonly commit: string | undefined;
  readonly files: readonly Listed[];
}

const size = z.number().refine(isFileSize, 'is no size of a file').nullish();
const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'is no SHA-256')
  .nullish();
const schema = z.object({
  sha: z
    .string()
    .regex(/^[0-9a-f]{40}$/, 'is no commit')
    .nullish(),
  siblings: z
    .array(
      z.object({
        rfilename: z.string(),
        size,
        lfs: z.object({ sha256, oid: sha256, size }).nullish(),
      }),
    )
    .nullish(),
});

/** @throws {Fault} when it is no listing: names the key that makes no sense */
export function readListing(document: unknown, host: string): Listing {
  const { sha, siblings } = checked(schema, document, { host, what: 'a list of files' });
  const files = (siblings ?? []).map(({ rfilename, size: whole, lfs }) => ({
    path: rfilename,
    bytes: lfs?.size ?? whole ?? undefined,
    sha256: lfs?.sha256 ?? lfs?.oid ?? undefined,
  }));
  return { commit: sha ?? undefined, files };
}

/** A document of a server in the shape it should have. @throws {Fault} */
export function checked<T>(type: z.ZodType<T>, document: unknown, from: { host: string; what: string }): T {
  const result = type.safeParse(document);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new Fault(
    'page',
    `${from.host} sent ${from.what} that makes no sense (${where === '' ? '' : `${where}: `}${issue?.message ?? ''})`,
  );
}

/** @throws {Fault} when a file named by a server could lie outside its folder */
export function checkInside(path: string, host: string): void {
  if (!innerPath.safeParse(path).success)
    throw new Fault('page', `${host} names a file that could lie outside its folder: ${JSON.stringify(path)}`);
}
