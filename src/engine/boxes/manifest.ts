/**
 * Lists the files of a run folder to be copied home, each with its SHA-256. It runs on the box, as the counterpart of
 * `bring.ts`.
 */
import { constants, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256OfOpen } from '../../base/files/hash.ts';
import { openOursLater } from '../../base/files/regular-file.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { runCondition } from '../runs/summary.ts';

const path = z
  .string()
  .max(1024)
  .regex(/^[^/\p{Cc}]+(?:\/[^/\p{Cc}]+)*$/u)
  .refine((text) => text.split('/').every((part) => part !== '.' && part !== '..'), 'leads out of its folder');

export const manifestSchema = z.object({
  name: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,110}$/),
  dir: z.string().startsWith('/').max(4096),
  state: z.string().max(40),
  /** Whether the run is live, so that only finished files are listed. */
  live: z.boolean(),
  /** When the run was last started, in seconds since 1970; distinguishes runs of the same name. */
  begun: z.number(),
  files: z.array(z.object({ path, bytes: z.number().int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) })),
});
export type Manifest = z.output<typeof manifestSchema>;

/** Files of a live run that are whole at any time. */
const DONE_WHILE_LIVE: ReadonlySet<string> = new Set([RUN_FILES.samples, RUN_FILES.output, RUN_FILES.spec]);
const NEVER: ReadonlySet<string> = new Set([RUN_FILES.control, RUN_FILES.reserve]);

interface RunAt {
  readonly name: string;
  readonly dir: string;
  readonly started_at: number;
}

/**
 * Makes the list.
 * @param checkpoints whether checkpoints are included; they are large and only needed to continue training
 */
export async function manifestOf(
  { name, dir, started_at: begun }: RunAt,
  { checkpoints }: { readonly checkpoints: boolean },
): Promise<Manifest> {
  const { state, supervised } = runCondition(dir);
  const live = state === 'live' || supervised;
  const goes = (top: string) =>
    !NEVER.has(top) && (checkpoints || top !== RUN_FILES.checkpoints) && (!live || DONE_WHILE_LIVE.has(top));
  const paths = readdirSync(dir)
    .filter(goes)
    .flatMap((top) => filesBelow(dir, top))
    .sort();
  const files: Manifest['files'] = [];
  for (const file of paths) files.push({ path: file, ...(await hashed(join(dir, file))) });
  return { name, dir, state, live, begun, files };
}

/** Plain files below a path. Names that begin with a dot are files that are still being written. */
function filesBelow(dir: string, top: string): string[] {
  if (top.startsWith('.')) return [];
  try {
    const entries = readdirSync(join(dir, top), { withFileTypes: true });
    return entries.flatMap((entry) =>
      entry.isDirectory()
        ? filesBelow(dir, `${top}/${entry.name}`)
        : entry.isFile() && !entry.name.startsWith('.')
          ? [`${top}/${entry.name}`]
          : [],
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw error;
    return [top];
  }
}

async function hashed(file: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const open = await openOursLater(file, constants.O_RDONLY);
  try {
    const { size } = await open.stat();
    return { bytes: size, sha256: await sha256OfOpen(open, { most: size }) };
  } finally {
    await open.close();
  }
}
