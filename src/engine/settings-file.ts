import { dirname, resolve } from 'node:path';
import { cosmiconfig, defaultLoaders } from 'cosmiconfig';
import { z } from 'zod';
import { ConfigError } from './errors.ts';
import { nearest } from './nearest.ts';
import { type SettingValues, settingFiles, settingNames } from './settings.ts';

// JSON and YAML only: a settings file of a stranger's folder must not run code.
const loaders = {
  '.json': defaultLoaders['.json'],
  '.yaml': defaultLoaders['.yaml'],
  '.yml': defaultLoaders['.yml'],
  noExt: defaultLoaders['.yaml'],
};
const schema = z.strictObject({ workspace: z.string().min(1).optional() });

/** Settings of one folder; relative paths count from it. @throws ConfigError */
export async function readSettingsFile(folder: string): Promise<{ path: string; values: SettingValues } | undefined> {
  const explorer = cosmiconfig('visiontrain', { searchPlaces: settingFiles, loaders, stopDir: folder });
  const found = await explorer.search(folder).catch((cause: Error) => {
    throw new ConfigError(
      'A settings file cannot be read.',
      [{ file: folder, key: '', message: cause.message.split('\n')[0] ?? '' }],
      { cause },
    );
  });
  if (found === null || found.isEmpty) return undefined;
  const checked = schema.safeParse(found.config);
  if (!checked.success) {
    const problems = checked.error.issues.map((issue) => {
      const key = issue.code === 'unrecognized_keys' ? (issue.keys[0] ?? '') : issue.path.join('.');
      const near = nearest(key, settingNames);
      return {
        file: found.filepath,
        key,
        message: issue.code === 'unrecognized_keys' ? `no such setting${near ? `: ${near}?` : ''}` : issue.message,
      };
    });
    throw new ConfigError('A settings file has mistakes.', problems);
  }
  const { workspace } = checked.data;
  return {
    path: found.filepath,
    values: workspace === undefined ? {} : { workspace: resolve(dirname(found.filepath), workspace) },
  };
}
