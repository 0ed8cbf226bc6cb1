/** Passes the person's pip settings on to uv, which does not read them: mirrors, wheel folders and certificates. */
import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { homeFolder } from '../../../base/home.ts';

/** Values by long option name (`index-url`), as `pip config list` shows them. A later value wins. */
export type PipSettings = Readonly<Record<string, string>>;

/** Sections that apply to `pip install`, in pip's order: general, of the command, PIP_* variables. */
const SECTIONS = ['global', 'install', ':env:'];

/** Reads the output of `pip config list`: lines like `global.index-url='https://…'`. */
export function parsePipConfig(text: string): PipSettings {
  const rows = text.split('\n').flatMap((line) => {
    const match = /^(global|install|:env:)\.([A-Za-z0-9_-]+)=(['"])(.*)\3$/.exec(line.trim());
    const [, section = '', key = '', , value = ''] = match ?? [];
    // pip prints a line end within a value (lists in pip.conf have them) as \n.
    return match === null ? [] : [{ section, key, value: value.replaceAll('\\n', ' ').replaceAll("\\'", "'").trim() }];
  });
  const ordered = SECTIONS.flatMap((section) => rows.filter((row) => row.section === section));
  return Object.fromEntries(ordered.map(({ key, value }) => [key.replaceAll('_', '-').toLowerCase(), value]));
}

/**
 * The pip settings as environment variables of uv. An address may hold a password, so none is put on a command line.
 * Variables of uv that the person has set are not changed.
 */
export function uvEnvironment(pip: PipSettings, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const off = new Set(['0', 'false', 'no', 'off', '']);
  const from: Record<string, string | undefined> = {
    UV_DEFAULT_INDEX: pip['index-url'],
    UV_INDEX: pip['extra-index-url'],
    UV_FIND_LINKS: pip['find-links']?.split(/\s+/).join(','),
    UV_INSECURE_HOST: pip['trusted-host'],
    UV_HTTP_TIMEOUT: pip.timeout ?? pip['default-timeout'],
    UV_NO_INDEX: off.has(pip['no-index']?.toLowerCase() ?? '') ? undefined : '1',
    SSL_CERT_FILE: pip.cert,
    SSL_CLIENT_CERT: pip['client-cert'],
    HTTPS_PROXY: pip.proxy,
    HTTP_PROXY: pip.proxy,
    // pip takes the best version of all indexes; by default uv would stop at the first index that knows the name.
    UV_INDEX_STRATEGY: 'unsafe-best-match',
  };
  const own = (name: string) => env[name] ?? (name === 'UV_DEFAULT_INDEX' ? env.UV_INDEX_URL : undefined);
  const added = Object.entries(from).filter(([name, value]) => value !== undefined && !own(name));
  return { ...env, ...Object.fromEntries(added), ...ownConfig(env) };
}

/**
 * Restricts uv's settings to the person's and the machine's: by default uv also searches the current folder and all
 * above it.
 */
function ownConfig(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (env.UV_CONFIG_FILE || env.UV_NO_CONFIG) return {};
  const home = homeFolder(env);
  const config = env.XDG_CONFIG_HOME || (home === undefined ? undefined : join(home, '.config'));
  const files = [...(config === undefined ? [] : [join(config, 'uv', 'uv.toml')]), '/etc/uv/uv.toml'];
  const file = files.find((path) => isAbsolute(path) && existsSync(path));
  return file === undefined ? { UV_NO_CONFIG: '1' } : { UV_CONFIG_FILE: file };
}

/** Settings of pip that would install something else, or to another place, than requested. */
const MISLEADING =
  /^PIP_(TARGET|PREFIX|ROOT|USER|PYTHON|REQUIREMENT|CONSTRAINT|EDITABLE|DRY_RUN|REPORT|NO_DEPS|NO_BINARY|ONLY_BINARY|UPGRADE|REQUIRE_VIRTUALENV|REQUIRE_HASHES|IGNORE_INSTALLED|QUIET|VERBOSE|LOG)$/;
const MISLEADING_PYTHON =
  /^(PYTHON[A-Z]*|VIRTUAL_ENV|CONDA_[A-Z_]+|UV_PYTHON|UV_PROJECT_ENVIRONMENT|UV_SYSTEM_PYTHON|FORCE_COLOR|CLICOLOR_FORCE)$/;

/** The environment for pip, uv and Python: the person's, without variables that belong to another Python. */
export function installEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !MISLEADING.test(name) && !MISLEADING_PYTHON.test(name));
  return {
    ...Object.fromEntries(kept),
    // A pip.conf may say `user = true`, which cannot work in an environment.
    PIP_USER: '0',
    PIP_REQUIRE_VIRTUALENV: '0',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_INPUT: '1',
    PYTHONUTF8: '1',
    // This program reads the output, and pip's library takes even FORCE_COLOR=0 as a request for colours.
    NO_COLOR: '1',
  };
}
