/**
 * Reads how a person wants to be notified. Only that person's own file counts, since a web hook in somebody else's
 * file would send notices to others.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isForeign } from '../../base/files/private-folder.ts';
import { settingFiles } from './names.ts';
import type { NotifySettings } from './notify.ts';
import { notifyDefaults } from './notify-defaults.ts';

export interface PersonsNotify {
  readonly settings: NotifySettings;
  /** The file with the key `notify`; undefined where no file has it. */
  readonly path: string | undefined;
}

/** Value of VISIONTRAIN_NOTIFY that turns all notices off. `--no-notify` sets it. */
const OFF = 'off';

const BUILT_IN: NotifySettings = { ...notifyDefaults, web: [] };

const SILENT: NotifySettings = { ...BUILT_IN, bell: false, terminal: 'off', title: false, progress: false };

/** The environment of a run without notices. */
export const silentEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({ ...env, VISIONTRAIN_NOTIFY: OFF });

/** Whether the environment turns all notices off. */
export const isTurnedOff = (env: NodeJS.ProcessEnv): boolean => env.VISIONTRAIN_NOTIFY === OFF;

/**
 * The person's wishes for notices.
 * @throws ConfigError when the file cannot be read or has mistakes
 */
export async function readNotify(userDir: string, env: NodeJS.ProcessEnv): Promise<PersonsNotify> {
  if (isTurnedOff(env)) return { settings: SILENT, path: undefined };
  const there = settingFiles.map((name) => join(userDir, name)).filter((path) => existsSync(path));
  if (there.length === 0 || there.some((path) => isForeign(statSync(path))))
    return { settings: BUILT_IN, path: undefined };
  const { readSettingsFile } = await import('./settings-file.ts');
  const file = await readSettingsFile(userDir, true);
  return file?.notify === undefined
    ? { settings: BUILT_IN, path: undefined }
    : { settings: file.notify, path: file.path };
}
