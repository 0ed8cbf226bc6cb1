/**
 * Settings of the program itself (a run's settings are in its run.yaml): flags > environment > project file > user
 * file > built-in. Light on purpose: `ps` reads it, so the file readers are loaded only where a file exists.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const settingNames = ['workspace'] as const;
export type SettingName = (typeof settingNames)[number];
export type SettingValues = Partial<Record<SettingName, string>>;

export interface Setting {
  readonly name: SettingName;
  readonly value: string | undefined;
  /** `--workspace`, `VISIONTRAIN_WORKSPACE`, the path of a file, or `built-in`. */
  readonly source: string;
}

const environmentNames: Record<SettingName, string> = { workspace: 'VISIONTRAIN_WORKSPACE' };
export const settingFiles = ['.visiontrainrc', '.visiontrainrc.yaml', '.visiontrainrc.yml', '.visiontrainrc.json'];

interface SettingSources {
  readonly flags: SettingValues;
  readonly env: NodeJS.ProcessEnv;
  readonly projectDir: string;
  /** Folder of the person's own settings. */
  readonly userDir: string;
}

/** @throws ConfigError when a settings file cannot be read or names an unknown setting. */
export async function readSettings({ flags, env, projectDir, userDir }: SettingSources): Promise<Setting[]> {
  const files: { path: string; values: SettingValues }[] = [];
  for (const folder of [projectDir, userDir]) {
    if (settingFiles.some((name) => existsSync(join(folder, name)))) {
      const { readSettingsFile } = await import('./settings-file.ts');
      const file = await readSettingsFile(folder);
      if (file !== undefined) files.push(file);
    }
  }
  return settingNames.map((name) => {
    const fromFlag = flags[name];
    if (fromFlag !== undefined) return { name, value: fromFlag, source: `--${name}` };
    const fromEnvironment = env[environmentNames[name]];
    if (fromEnvironment) return { name, value: fromEnvironment, source: environmentNames[name] };
    const file = files.find(({ values }) => values[name] !== undefined);
    if (file !== undefined) return { name, value: file.values[name], source: file.path };
    return { name, value: undefined, source: 'built-in' };
  });
}
