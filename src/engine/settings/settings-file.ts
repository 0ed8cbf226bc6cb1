import { lstatSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cosmiconfig, type Loader } from 'cosmiconfig';
import { z } from 'zod';
import { ConfigError } from '../../base/errors.ts';
import { issueWords } from '../../base/issue-words.ts';
import { nearest } from '../../base/nearest.ts';
import { packageRoot } from '../../base/package-root.ts';
import { typedPath } from '../../base/typed-path.ts';
import { readTextFile } from '../../spec/read-text.ts';
import { parseYaml } from '../../spec/yaml-tree.ts';
import { type SettingValues, settingFiles, settingNames } from './names.ts';
import { type NotifySettings, notifySchema } from './notify.ts';

const MEND = ['Mend the file, or remove it: what it does not say is as visiontrain has it.'];
const schema = z.strictObject({ workspace: z.string().min(1).optional(), notify: notifySchema.optional() });

/**
 * Loads the content of a file below a key of ours. At the top level cosmiconfig would follow `$import`; below a key
 * that word is only data.
 */
const nested: Loader = (path, text) => {
  const { value, problems } = parseYaml(text);
  if (problems.length > 0)
    throw new ConfigError(
      'A settings file cannot be read.',
      problems.map(({ path: at, ...rest }) => ({ file: path, key: at.join('.'), ...rest })),
      { id: 'settings/unreadable', nextSteps: MEND },
    );
  return { settings: value };
};

const refused: Loader = (path) => {
  throw new ConfigError(
    'A settings file cannot be read.',
    [{ file: path, key: '', message: 'is a program; settings are never run' }],
    { id: 'settings/unreadable', nextSteps: MEND },
  );
};

// cosmiconfig would use its own loaders for endings that are not listed here, and some of those run the file.
const loaders = {
  ...Object.fromEntries(['.json', '.yaml', '.yml', 'noExt'].map((ending) => [ending, nested])),
  ...Object.fromEntries(['.js', '.cjs', '.mjs', '.ts', 'default'].map((ending) => [ending, refused])),
};

/**
 * Makes the explorer. While it is made, cosmiconfig looks for settings of its own (`.config/config.js` and others) in
 * the current folder, and runs them. So it is made in a folder into which nobody else can put files. Afterwards it
 * looks into one folder only.
 */
function makeExplorer(): ReturnType<typeof cosmiconfig> {
  const here = process.cwd();
  process.chdir(packageRoot());
  try {
    return cosmiconfig('visiontrain', { searchPlaces: settingFiles, loaders, searchStrategy: 'none', cache: false });
  } finally {
    process.chdir(here);
  }
}

export interface SettingsFile {
  readonly path: string;
  readonly values: SettingValues;
  readonly notify: NotifySettings | undefined;
}

/**
 * Reads the settings of one folder; relative paths start from that folder. `own` means that it is the folder of the
 * person's own settings: only there may `notify` be set, because a file beside a data set may be anybody's.
 * @throws ConfigError when the settings are invalid
 */
export async function readSettingsFile(folder: string, own: boolean): Promise<SettingsFile | undefined> {
  refuseUnreadable(folder);
  const found = await makeExplorer()
    .search(folder)
    .catch((cause: Error) => {
      if (cause instanceof ConfigError) throw cause;
      const problem = { file: folder, key: '', message: cause.message.split('\n')[0] ?? '' };
      throw new ConfigError('A settings file cannot be read.', [problem], {
        id: 'settings/unreadable',
        nextSteps: MEND,
        cause,
      });
    });
  const settings: unknown = found?.config?.settings;
  if (found === null || settings === undefined || settings === null) return undefined;
  const checked = schema.safeParse(settings);
  if (!checked.success) {
    const problems = checked.error.issues.map((issue) => {
      const isUnknown = issue.code === 'unrecognized_keys';
      const word = isUnknown ? (issue.keys[0] ?? '') : '';
      const key = [...issue.path, ...(isUnknown ? [word] : [])].join('.');
      const near = nearest(
        word,
        issue.path.length === 0 ? [...settingNames, 'notify'] : Object.keys(notifySchema.shape),
      );
      return {
        file: found.filepath,
        key,
        message: isUnknown ? `no such setting${near ? `; did you mean ${near}?` : ''}` : issueWords(issue),
      };
    });
    throw new ConfigError('A settings file has mistakes.', problems, { id: 'settings/wrong', nextSteps: MEND });
  }
  const { workspace, notify } = checked.data;
  if (notify !== undefined && !own) throw notTheirs(found.filepath);
  return {
    path: found.filepath,
    notify,
    values: workspace === undefined ? {} : { workspace: typedPath(workspace, dirname(found.filepath)) },
  };
}

function notTheirs(file: string): ConfigError {
  const message = 'belongs into the file of your own settings: it says where you are told, in all your runs';
  return new ConfigError('A settings file has mistakes.', [{ file, key: 'notify', message }], {
    id: 'settings/wrong',
    nextSteps: ['visiontrain config   shows which folder that is in'],
  });
}

/**
 * Refuses files that cosmiconfig handles badly: it skips a file that it may not read, and waits for ever for a pipe.
 * @throws ConfigError for such a file
 */
function refuseUnreadable(folder: string): void {
  for (const path of settingFiles.map((name) => join(folder, name))) {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) continue;
    const read = readTextFile(path);
    if ('problem' in read)
      throw new ConfigError(`${basename(path)} cannot be read.`, [{ file: path, key: '', message: read.problem }], {
        id: 'settings/unreadable',
        nextSteps: MEND,
      });
  }
}
