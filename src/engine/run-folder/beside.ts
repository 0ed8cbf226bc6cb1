/** Reads beside.json: hooks and logging of a run. */
import { join } from 'node:path';
import { z } from 'zod';
import { ForeignFileError, readOurs } from '../../base/files/regular-file.ts';
import { hooksSchema } from '../../spec/sections/hooks.ts';
import { loggingSchema } from '../../spec/sections/logging.ts';
import { RUN_FILES } from './layout.ts';

const besideSchema = z.object({
  hooks: hooksSchema.prefault({}),
  logging: loggingSchema.optional(),
  judge: z.boolean().default(false),
});

export type SettingsBesidePlan = z.output<typeof besideSchema>;

const MOST_BYTES = 1 << 20;

/**
 * The hooks and logging of a run; undefined for a run without any.
 * @throws ForeignFileError when visiontrain did not write the file
 */
export function readSettingsBesidePlan(dir: string): SettingsBesidePlan | undefined {
  const path = join(dir, RUN_FILES.beside);
  const bytes = readOurs(path, MOST_BYTES);
  if (bytes === undefined) return undefined;
  try {
    return besideSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw new ForeignFileError(path, 'is not what visiontrain writes', error);
  }
}
