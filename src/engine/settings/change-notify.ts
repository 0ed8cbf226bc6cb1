/** What a person changes about the way of being told, and the file that keeps it. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Document, parseDocument } from 'yaml';
import { EnvironmentError } from '../../base/errors.ts';
import { writeFileAtomic } from '../../base/files/atomic.ts';
import { isForeign, makePrivateFolder } from '../../base/files/private-folder.ts';
import { explainWriteError } from '../../base/files/write-errors.ts';
import { readTextFile } from '../../spec/read-text.ts';
import { parseYaml } from '../../spec/yaml-tree.ts';
import { settingFiles } from './names.ts';
import { notifySchema } from './notify.ts';
import { changedNotify, type NotifyChanges } from './notify-changes.ts';
import { readSettingsFile } from './settings-file.ts';

const HEAD = ` How you are told of your runs: docs/notices.md. Addresses are secrets and stay in the environment.`;
const NEW_FILE = '.visiontrainrc.yaml';

/**
 * Keeps the changes in the person's own settings file, which is made where there is none. What else stands in it stays,
 * comments included. Returns the path of the file.
 * @throws ConfigError when the file has mistakes, EnvironmentError when it cannot be written
 */
export async function writeNotify(userDir: string, changes: NotifyChanges): Promise<string> {
  const read = await readSettingsFile(userDir, true);
  const empty = settingFiles.map((name) => join(userDir, name)).find((file) => existsSync(file));
  const path = read?.path ?? empty ?? join(userDir, NEW_FILE);
  if (existsSync(path) && isForeign(statSync(path))) throw ofAnother(path);
  const before = existsSync(path) ? readTextFile(path) : { text: '' };
  if ('problem' in before) throw new Error(`${path} was read a moment ago, and now: ${before.problem}`);
  const text = changedText(before.text, changes);
  const { notify } = (parseYaml(text).value ?? {}) as { notify?: unknown };
  const wanted = changedNotify(read?.notify ?? notifySchema.parse({}), changes);
  if (!isDeepStrictEqual(notifySchema.safeParse(notify ?? {}).data, wanted))
    throw new Error(`the changed text of ${path} would not say what was chosen`);
  try {
    makePrivateFolder(userDir);
    // A file that is a link stays one: people keep their settings in one place and link them.
    writeFileAtomic(existsSync(path) ? realpathSync(path) : path, text, 0o600);
  } catch (error) {
    throw explainWriteError(error, dirname(path));
  }
  return path;
}

function ofAnother(path: string): EnvironmentError {
  return new EnvironmentError(`${path} belongs to another user, so nothing is kept in it.`, {
    id: 'disk/not-writable',
    nextSteps: ['Look at it, and remove it if you do not know it.'],
  });
}

/** The text of a settings file with the changes; of a file in JSON, JSON. Pure. */
export function changedText(text: string, changes: NotifyChanges): string {
  const isJson = text.trimStart().startsWith('{') && isPlainJson(text);
  const document = isJson ? new Document(JSON.parse(text)) : parseDocument(text);
  if (!isJson && text.trim() === '') document.commentBefore = HEAD;
  if (!document.has('notify')) document.set('notify', document.createNode({}));
  const { web = {}, ...plain } = changes;
  for (const [key, value] of Object.entries(plain))
    document.setIn(['notify', key], Array.isArray(value) ? flow(document, value) : value);
  for (const [format, variable] of Object.entries(web)) changeHook(document, format, variable);
  return isJson
    ? `${JSON.stringify(document.toJS(), null, 2)}\n`
    : document.toString({ lineWidth: 0, flowCollectionPadding: !/[[{][^\s\]}]/u.test(text) });
}

function isPlainJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function flow(document: Document, value: readonly unknown[]) {
  return document.createNode(value, { flow: true });
}

function changeHook(document: Document, format: string, variable: string | null): void {
  const hooks = (document.toJS().notify?.web ?? []) as readonly { readonly format?: unknown }[];
  const at = hooks.findIndex((hook) => hook.format === format);
  if (at !== -1 && variable === null) document.deleteIn(['notify', 'web', at]);
  else if (at !== -1) document.setIn(['notify', 'web', at, 'url_env'], variable);
  else if (variable === null) return;
  else if (hooks.length > 0) document.addIn(['notify', 'web'], document.createNode({ format, url_env: variable }));
  else document.setIn(['notify', 'web'], document.createNode([{ format, url_env: variable }]));
}
