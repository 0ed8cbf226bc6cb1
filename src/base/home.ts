import { homedir, userInfo } from 'node:os';
import { isAbsolute } from 'node:path';
import { EnvironmentError } from './errors.ts';

/**
 * The person's home folder: HOME, else the system's record of the user; undefined where neither names one. Without
 * `env`, the HOME of this process is read.
 */
export function homeFolder(env?: NodeJS.ProcessEnv): string | undefined {
  const home = env === undefined ? ownHome() : env.HOME;
  if (home !== undefined && isAbsolute(home)) return home;
  try {
    // os.homedir() would believe an empty HOME, so the system's record is read instead.
    const { homedir: recorded } = userInfo();
    return isAbsolute(recorded) ? recorded : undefined;
  } catch {
    return undefined;
  }
}

function ownHome(): string | undefined {
  try {
    return homedir();
  } catch {
    // HOME is unset, and the system has no record of this user number.
    return undefined;
  }
}

/**
 * The person's home folder.
 * @throws EnvironmentError when there is none, as for a user number without a name in a container
 */
export function requireHome(env: NodeJS.ProcessEnv): string {
  const home = homeFolder(env);
  if (home !== undefined) return home;
  throw noHome();
}

/** The error for a user without a home folder. */
export const noHome = (): EnvironmentError =>
  new EnvironmentError('There is no home folder: HOME is no absolute path, and this user has none on file.', {
    id: 'path/no-home',
    nextSteps: ['Set HOME, or VISIONTRAIN_HOME, to a folder of yours:  export VISIONTRAIN_HOME=/path/with/space'],
  });
