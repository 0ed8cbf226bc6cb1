/**
 * Reads paths as people write and paste them (in files, flags, variables and prompts), and writes paths as the program
 * prints them.
 */
import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from './errors.ts';
import { homeFolder } from './home.ts';

export interface PathSurroundings {
  /** The environment from which HOME is read; without it, the environment of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** The folder below which WSL2 mounts the drives of Windows. */
  readonly drives?: string;
}

/**
 * The absolute path that the typed text means. A file whose name is exactly the typed text wins. Otherwise `~/`,
 * `$HOME/`, quotes, shell escapes, spaces around the path, `file://` addresses and paths of Windows are understood.
 * Relative paths start at `dir`.
 * @throws UsageError for a path of Windows that is not mounted here, and for text that cannot be a path
 */
export function typedPath(text: string, dir: string, { env, drives = '/mnt' }: PathSurroundings = {}): string {
  const typed = resolve(dir, noZero(text));
  if (text === '' || isThere(typed)) return typed;
  const trimmed = text.trim();
  const bare = /^(['"])(.*)\1$/su.exec(trimmed)?.[2] ?? trimmed;
  const address = fromAddress(bare);
  const forms =
    address === undefined
      ? [text, shellText(text) ?? text, trimmed, bare, slashes(bare), shellText(trimmed) ?? shellText(bare) ?? bare]
      : [noZero(address)];
  const paths = forms.flatMap((form) => [form, expanded(form, env)]).map((form) => resolve(dir, form));
  return paths.find(isThere) ?? fromWindows(address ?? bare, text, drives) ?? paths.at(-1) ?? typed;
}

function noZero(text: string): string {
  if (text.includes('\0'))
    throw new UsageError(`${JSON.stringify(text)} is no path: it holds a zero byte.`, {
      id: 'path/impossible',
      nextSteps: ['Type the path again, without what a paste may have put into it.'],
    });
  return text;
}

function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

function expanded(text: string, env: NodeJS.ProcessEnv | undefined): string {
  const rest = /^(?:~|\$HOME|\$\{HOME\})(\/.*)?$/su.exec(text);
  if (rest === null) return text;
  const home = homeFolder(env);
  if (home === undefined)
    throw new UsageError(`${text} cannot be used: there is no home folder.`, {
      id: 'path/no-home',
      nextSteps: ['Set HOME, or write the whole path.'],
    });
  return `${home}${rest[1] ?? ''}`;
}

/** The path in an address such as `file:///a%20b` or `file://host/a`; undefined when the text is no such address. */
function fromAddress(text: string): string | undefined {
  const [, host = '', path = ''] = /^file:(?:\/\/([^/]*))?(\/.*)$/isu.exec(text) ?? [];
  if (path === '') return undefined;
  const decoded = percentDecoded(path);
  if (host !== '' && host !== 'localhost') return `\\\\${host}${decoded}`;
  return /^\/[A-Za-z]:\//u.test(decoded) ? decoded.slice(1) : decoded;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The Linux path for a path of Windows; undefined when the text is no path of Windows. */
function fromWindows(text: string, asTyped: string, drives: string): string | undefined {
  const [, , inside] = /^[\\/]{2}wsl(?:\.localhost|\$)[\\/]+([^\\/]+)(.*)$/isu.exec(text) ?? [];
  if (inside !== undefined) return slashes(inside) || '/';
  if (/^\\\\[^\\]/u.test(text))
    throw new UsageError(`${asTyped} is a network folder of Windows, which is not found from here.`, {
      id: 'path/windows',
      nextSteps: ['Mount it in Linux, and give the path it has there.'],
    });
  const [, drive, rest = ''] = /^([A-Za-z]):[\\/](.*)$/su.exec(text) ?? [];
  if (drive === undefined) return undefined;
  const root = `${drives}/${drive.toLowerCase()}`;
  const path = `${root}/${slashes(rest)}`;
  if (isThere(root)) return path;
  throw new UsageError(`${asTyped} is a path of Windows. In WSL2 it is ${path}, which is not there.`, {
    id: 'path/windows',
    nextSteps: [`See which drives are:   ls ${drives}`, 'Or give the path that the folder has here.'],
  });
}

const slashes = (text: string): string => text.replaceAll('\\', '/');

/** One word as a shell reads it; undefined when its quotes do not match. Unlike in a shell, spaces need no escape. */
function shellText(text: string): string | undefined {
  let word = '';
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at] as string;
    if (letter === "'") {
      const end = text.indexOf("'", at + 1);
      if (end < 0) return undefined;
      word += text.slice(at + 1, end);
      at = end;
    } else if (letter === '"') {
      const quoted = /^"((?:[^"\\]|\\.)*)"/su.exec(text.slice(at));
      if (quoted === null) return undefined;
      word += (quoted[1] as string).replaceAll(/\\(["\\$`])/gu, '$1');
      at += quoted[0].length - 1;
    } else if (letter === '\\' && /[^\w/.]/u.test(text[at + 1] ?? 'n')) {
      at += 1;
      word += text[at];
    } else word += letter;
  }
  return word;
}

/** A path as it can be pasted into a shell, quoted where it must be. A leading `~` or `-` loses its special meaning. */
export function shellWord(path: string): string {
  const plain = plainPath(path);
  return plain !== '' && /^(?!=)[^\s'"\\$`!*?[\]{}()<>|&;#^~\p{Cc}]+$/u.test(plain)
    ? plain
    : `'${plain.replaceAll("'", "'\\''")}'`;
}

/**
 * A path as it is shown. One that begins with `~` or `-` would be read as a home folder or an option, so it gets `./`.
 */
export const plainPath = (path: string): string => (/^[~-]/u.test(path) ? `./${path}` : path);
