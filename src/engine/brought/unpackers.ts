/** Decides which files are unpacked, and by which module. */
import { absolute } from '../../base/paths.ts';
import type { Unpacking } from './store.ts';

/** Loads a function that unpacks an archive and returns the number of its files. */
type Unpacker = () => Promise<(unpacking: Unpacking) => Promise<number>>;

/** The unpackers by file name. Each is loaded when it is needed. */
const UNPACKERS: readonly (readonly [RegExp, Unpacker])[] = [
  [/\.zip$/iu, async () => (await import('./zip.ts')).unpackZip],
  [/\.(tar|tgz|tar\.gz|tzst|tar\.zst)$/iu, async () => (await import('./tar.ts')).unpackTar],
  [/\.parquet$/iu, async () => (await import('./parquet.ts')).unpackParquet],
];

/** Whether a file of that name is unpacked. */
export const isUnpacked = (path: string): boolean => UNPACKERS.some(([ending]) => ending.test(path));

/** The unpacker for a file of that name; undefined where there is none. */
export const unpackerOf = async (path: string) => UNPACKERS.find(([ending]) => ending.test(path))?.[1]();

/** Archives that are recognised but cannot be unpacked. */
const OTHERS = /\.(rar|7z|tar\.(xz|bz2|lz|lzma)|txz|tbz2?)$/iu;

/** Whether a path in run.yaml, or a typed one, must be unpacked or fetched before it can be scanned. */
export function isBrought(path: string): boolean {
  return path.startsWith('hf:') || isUnpacked(path) || OTHERS.test(path);
}

/**
 * The absolute path for a typed text; the id of a data set on a hub stays as it is.
 * @throws UsageError
 */
export const dataPlace = (typed: string, at: { readonly cwd: string }): string =>
  typed.startsWith('hf:') ? typed.trim() : absolute(typed, at);
