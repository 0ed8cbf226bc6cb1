import { isAbsolute, join, relative, resolve } from 'node:path';
import { requireHome } from './home.ts';
import { plainPath, typedPath } from './typed-path.ts';

export interface Places {
  /** The root of all our files: VISIONTRAIN_HOME, or the platform's data folder. */
  readonly home: string;
  readonly models: string;
  readonly envs: string;
  readonly cache: string;
  readonly runs: string;
  /** The person's settings (config.yaml, models/*.yaml). */
  readonly config: string;
  /** Drafts and the last choices. */
  readonly state: string;
}

/**
 * The folders of the program. `workspace` (a flag or setting) moves the runs only.
 * @throws EnvironmentError where VISIONTRAIN_HOME is not set and this user has no home
 */
export function places(env: NodeJS.ProcessEnv, workspace?: string): Places {
  const xdg = (name: string, fallback: string) => {
    const value = env[name];
    return value !== undefined && isAbsolute(value) ? value : join(requireHome(env), fallback);
  };
  const own = env.VISIONTRAIN_HOME ? resolve(env.VISIONTRAIN_HOME) : undefined;
  const mac = process.platform === 'darwin';
  const home = own ?? join(xdg('XDG_DATA_HOME', mac ? 'Library/Application Support' : '.local/share'), 'visiontrain');
  return {
    home,
    models: join(home, 'models'),
    envs: join(home, 'envs'),
    cache: join(home, 'cache'),
    runs: workspace ? resolve(workspace) : join(home, 'runs'),
    config: own
      ? join(own, 'config')
      : join(xdg('XDG_CONFIG_HOME', mac ? 'Library/Preferences' : '.config'), 'visiontrain'),
    state: own
      ? join(own, 'state')
      : join(xdg('XDG_STATE_HOME', mac ? 'Library/Application Support' : '.local/state'), 'visiontrain'),
  };
}

/** A path as it is shown: relative to `dir` when it lies below `dir`, otherwise whole. */
export function displayPath(path: string, dir: string): string {
  const inside = relative(dir, path);
  const outside = inside === '' || inside === '..' || inside.startsWith('../') || isAbsolute(inside);
  return outside ? path : plainPath(inside);
}

/**
 * The path that a person typed, made absolute.
 * @throws UsageError for a path of Windows that is not found from here
 */
export function absolute(path: string, { cwd }: { readonly cwd: string }): string {
  return typedPath(path, cwd);
}
