/**
 * Settings of the program itself (a run's settings are in its run.yaml), by precedence: flags, environment, project
 * file, user file, built-in. `ps` reads them too, so the readers of files are loaded only where a file exists.
 */
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isForeign } from '../../base/files/private-folder.ts';
import { typedPath } from '../../base/typed-path.ts';
import { type SettingName, type SettingValues, settingFiles, settingNames } from './names.ts';

export interface Setting {
  readonly name: SettingName;
  readonly value: string | undefined;
  /** Source of the value: `--workspace`, `VISIONTRAIN_WORKSPACE`, the path of a file, or `built-in`. */
  readonly source: string;
  /** Kind of the source. `folder` is a file in the folder where the command is typed, which may be somebody else's. */
  readonly from: 'flag' | 'environment' | 'folder' | 'user' | 'built-in';
}

const environmentNames: Record<SettingName, string> = { workspace: 'VISIONTRAIN_WORKSPACE' };
interface SettingSources {
  readonly flags: SettingValues;
  readonly env: NodeJS.ProcessEnv;
  readonly projectDir: string;
  /** Folder of the person's own settings. */
  readonly userDir: string;
  /** Called with a line about each setting that is ignored. */
  readonly say?: (line: string) => void;
}

/**
 * Reads all settings.
 * @throws ConfigError when a settings file cannot be read or names an unknown setting
 */
export async function readSettings({ flags, env, projectDir, userDir, say }: SettingSources): Promise<Setting[]> {
  const files: { path: string; values: SettingValues }[] = [];
  for (const folder of [projectDir, userDir]) {
    const there = settingFiles.map((name) => join(folder, name)).filter((path) => existsSync(path));
    const foreign = there.find((path) => isForeign(statSync(path)));
    if (foreign !== undefined) say?.(`${foreign} is passed over: it belongs to another user.`);
    else if (there.length > 0) {
      const { readSettingsFile } = await import('./settings-file.ts');
      const file = await readSettingsFile(folder, folder === userDir);
      if (file !== undefined) files.push(file);
    }
  }
  return settingNames.map((name) => {
    const fromFlag = flags[name];
    const path = (text: string) => typedPath(text, projectDir, { env });
    if (fromFlag !== undefined) return { name, value: path(fromFlag), source: `--${name}`, from: 'flag' };
    const fromEnvironment = env[environmentNames[name]];
    if (fromEnvironment)
      return { name, value: path(fromEnvironment), source: environmentNames[name], from: 'environment' };
    const file = files.find(({ values }) => values[name] !== undefined);
    if (file === undefined) return { name, value: undefined, source: 'built-in', from: 'built-in' };
    const from = dirname(file.path) === userDir ? 'user' : 'folder';
    return { name, value: file.values[name], source: file.path, from };
  });
}
