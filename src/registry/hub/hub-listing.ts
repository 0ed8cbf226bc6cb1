/** Reads a hub's list of the files of a repository. The list is checked before any of it is used. */
import { z } from 'zod';
import { isFileSize } from '../../download/file/pieces.ts';
import { Fault } from '../../download/http/fault.ts';
import { innerPath } from '../catalogue/schema.ts';

export interface Listed {
  readonly path: string;
  readonly bytes: number | undefined;
  readonly sha256: string | undefined;
  /** SHA-1 of its git blob, for a file outside of large file storage. */
  readonly blob?: string | undefined;
}

export interface Listing {
  /** Commit that the requested revision stands for. */
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
        blobId: z
          .string()
          .regex(/^[0-9a-f]{40}$/, 'is no blob of git')
          .nullish(),
        lfs: z.object({ sha256, oid: sha256, size }).nullish(),
      }),
    )
    .nullish(),
});

/**
 * Reads a listing of files.
 * @throws {Fault} that names the wrong key, when the document is no listing
 */
export function readListing(document: unknown, host: string): Listing {
  const { sha, siblings } = checked(schema, document, { host, what: 'a list of files' });
  const files = (siblings ?? []).map(({ rfilename, size: whole, lfs, blobId }) => ({
    path: rfilename,
    bytes: lfs?.size ?? whole ?? undefined,
    sha256: lfs?.sha256 ?? lfs?.oid ?? undefined,
    ...(lfs || !blobId ? {} : { blob: blobId }),
  }));
  return { commit: sha ?? undefined, files };
}

/**
 * Checks that a server's document has the expected shape.
 * @throws {Fault} when it does not
 */
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

/**
 * Checks that a path from a server lies inside its folder.
 * @throws {Fault} when it could lie outside
 */
export function checkInside(path: string, host: string): void {
  if (!innerPath.safeParse(path).success)
    throw new Fault('page', `${host} names a file that could lie outside its folder: ${JSON.stringify(path)}`);
}
