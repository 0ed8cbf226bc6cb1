/** The file for bug reports: the doctor's findings and the ends of the newest logs, without secrets and names. */
import { readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { lastLines } from '../../base/files/log-lines.ts';
import { homeFolder } from '../../base/home.ts';
import type { Places } from '../../base/paths.ts';
import { literally } from '../../base/text.ts';
import { downloadSettings } from '../../download/http/settings.ts';
import { RUN_FILES } from '../run-folder/layout.ts';
import { listRuns } from '../runs/list.ts';

const SECRET_NAME = /(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|KEY|PAT|AUTH|COOKIE)$/iu;
/** Least length of a name that is removed wherever it occurs; a shorter one would cut other words. */
const LEAST = 3;
const LINES = 150;

/** A word that shows whose machine this is, with its replacement. */
export interface Private {
  readonly word: string;
  readonly becomes: string;
}

/** The words that must not be in the bundle of this machine, the longest first. */
export function privateWords(places: Places, env: NodeJS.ProcessEnv): readonly Private[] {
  const words: Private[] = [];
  const add = (word: string | undefined, becomes: string) => {
    if (word !== undefined && word.trim().length >= LEAST) words.push({ word: word.trim(), becomes });
  };
  for (const [name, value] of Object.entries(env)) if (SECRET_NAME.test(name)) add(value, '<secret>');
  const { hubToken, civitaiToken } = downloadSettings(env);
  add(hubToken, '<secret>');
  add(civitaiToken, '<secret>');
  add(places.home, '<home of visiontrain>');
  add(homeFolder(env), '~');
  let user: string | undefined;
  try {
    user = userInfo().username;
  } catch {
    // A container may have no name for its user number.
  }
  for (const name of [user, env.USER, env.LOGNAME, env.SUDO_USER]) add(name === 'root' ? undefined : name, '<user>');
  for (const name of [hostname(), env.HOSTNAME]) {
    add(name, '<host>');
    add(name?.split('.')[0], '<host>');
  }
  return words.sort((a, b) => b.word.length - a.word.length);
}

/**
 * The text without the private words, tokens, logins in addresses, mail and network addresses, and serial numbers of
 * cards.
 */
export function scrub(text: string, words: readonly Private[]): string {
  let clean = text;
  for (const { word, becomes } of words) clean = clean.replaceAll(new RegExp(literally(word), 'giu'), becomes);
  return clean
    .replace(/\b(hf|ghp|gho|github_pat|sk|glpat)[_-][A-Za-z0-9_-]{8,}/gu, '<secret>')
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/giu, '$1<login>@')
    .replace(
      /([?&](?:token|key|api_key|apikey|signature|sig|password|access_token|x-amz-[a-z-]+)=)[^&\s"']+/giu,
      '$1<secret>',
    )
    .replace(/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gu, '$1 <secret>')
    .replace(/[\w.+-]+@[\w-]+\.[\w.]+/gu, '<mail>')
    .replace(/\b(GPU|MIG)-[0-9a-f]{8}-[0-9a-f-]{27,}/giu, '$1-<number>')
    .replace(/\b(?!127\.0\.0\.1\b)(?:\d{1,3}\.){3}\d{1,3}(?=[:\s"'/,)]|$)/gu, '<address>')
    .replace(/(\/(?:home|Users)\/)(?!<)[^/\s"']+/gu, '$1<user>');
}

/** The text of the bundle. `report` is the JSON of the doctor. */
export async function bundleText(report: unknown, places: Places, env: NodeJS.ProcessEnv): Promise<string> {
  const [newest] = await listRuns(places.runs).catch(() => []);
  const file = (name: string) => (newest === undefined ? '' : join(newest.dir, name));
  const parts = {
    doctor: report,
    settings: Object.keys(env)
      .filter(
        (name) =>
          /^(VISIONTRAIN|HF|CUDA|NVIDIA|PIP|UV|PYTORCH|TORCH|LD|NO_COLOR|TERM|LANG|LC)_?/u.test(name) &&
          !SECRET_NAME.test(name),
      )
      .sort(),
    run: newest === undefined ? null : { exit: json(file(RUN_FILES.exit)), ...settingsOf(json(file(RUN_FILES.plan))) },
    logs: Object.fromEntries([RUN_FILES.log, RUN_FILES.supervisorLog].map((name) => [name, tail(file(name))])),
  };
  // Each string is cleaned before it is written, so that escapes of JSON cannot hide a word.
  const words = privateWords(places, env);
  return `${JSON.stringify(parts, (_key, value) => (typeof value === 'string' ? scrub(value, words) : value), 1)}\n`;
}

/** The numbers in a plan; its captions, prompts and names of images are left out. */
function settingsOf(plan: unknown): object {
  const { training, resources } = (plan ?? {}) as Readonly<Record<string, unknown>>;
  return { training: training ?? null, resources: resources ?? null };
}

function json(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

function tail(path: string): readonly string[] {
  try {
    return lastLines(readFileSync(path, 'utf8'), LINES);
  } catch {
    return [];
  }
}
