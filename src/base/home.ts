import { userInfo } from 'node:os';
import { isAbsolute } from 'node:path';
import { EnvironmentError } from './errors.ts';

/** The person's home folder: HOME, else the system's record of the user; undefined where neither names one. */
export function homeFolder(env: NodeJS.ProcessEnv): string | undefined {
  if (env.HOME !== undefined && isAbsolute(env.HOME)) return env.HOME;
  try {
    // os.homedir() would believe an empty HOME, so the system's record is read instead.
    const { homedir } = userInfo();
    return isAbsolute(homedir) ? homedir : undefined;
  } catch {
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
  throw new EnvironmentError('There is no home folder: HOME is no absolute path, and this user has none on file.', {
    nextSteps: ['Set HOME, or VISIONTRAIN_HOME, to a folder of yours:  export VISIONTRAIN_HOME=/path/with/space'],
  });
}
