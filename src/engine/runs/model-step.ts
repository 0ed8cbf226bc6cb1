import { existsSync } from 'node:fs';
import { DownloadError } from '../errors.ts';
import type { Plan } from '../plan/schema.ts';

/** The model step without a fetcher: its files must be there already. Throws DownloadError when they are not. */
export async function requireModel({ model }: Plan): Promise<void> {
  const wanted = [model.path, model.config_dir, model.vae_path].filter((path) => path !== null);
  const missing = wanted.filter((path) => !existsSync(path));
  if (missing.length === 0) return;
  throw new DownloadError(`The files of ${model.name} are not there.`, {
    details: missing,
    nextSteps: [`visiontrain models pull ${model.name}`],
  });
}
