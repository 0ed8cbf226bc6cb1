/** Which files are unpacked, and by what. */
import { absolute } from '../../base/paths.ts';
import type { Unpacking } from './store.ts';

/** Unpacks an archive, and says how many files it held. */
type Unpacker = () => Promise<(unpacking: Unpacking) => Promise<number>>;

/** The kinds of files that are unpacked, by their names. What reads them is loaded when one is met. */
const UNPACKERS: readonly (readonly [RegExp, Unpacker])[] = [
  [/\.zip$/iu, async () => (await import('./zip.ts')).unpackZip],
  [/\.(tar|tgz|tar\.gz|tzst|tar\.zst)$/iu, async () => (await import('./tar.ts')).unpackTar],
  [/\.parquet$/iu, async () => (await import('./parquet.ts')).unpackParquet],
];

/** Whether a file of that name is unpacked. */
export const isUnpacked = (path: string): boolean => UNPACKERS.some(([ending]) => ending.test(path));

/** What unpacks a file of that name; undefined where nothing does. */
export const unpackerOf = async (path: string) => UNPACKERS.find(([ending]) => ending.test(path))?.[1]();

/** Archives that are told apart, and not read. */
const OTHERS = /\.(rar|7z|tar\.(xz|bz2|lz|lzma)|txz|tbz2?)$/iu;

/** Whether a path of run.yaml, or a typed one, is to be brought before it can be scanned. */
export function isBrought(path: string): boolean {
  return path.startsWith('hf:') || isUnpacked(path) || OTHERS.test(path);
}

/** The absolute path of what was typed; the id of a data set on a hub stays one. @throws UsageError */
export const dataPlace = (typed: string, at: { readonly cwd: string }): string =>
  typed.startsWith('hf:') ? typed.trim() : absolute(typed, at);
