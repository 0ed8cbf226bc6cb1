import { userInfo } from 'node:os';
import { isAbsolute } from 'node:path';
import { EnvironmentError } from './errors.ts';

/** The person's own folder: HOME, else what the system has on file; undefined where neither says one. */
export function homeFolder(env: NodeJS.ProcessEnv): string | undefined {
  if (env.HOME !== undefined && isAbsolute(env.HOME)) return env.HOME;
  try {
    // Not os.homedir(), which believes an empty HOME.
    const { homedir } = userInfo();
    return isAbsolute(homedir) ? homedir : undefined;
  } catch {
    return undefined;
  }
}

/** @throws EnvironmentError where there is none, as for a user number without a name in a container */
export function requireHome(env: NodeJS.ProcessEnv): string {
  const home = homeFolder(env);
  if (home !== undefined) return home;
  throw new EnvironmentError('There is no home folder: HOME is no absolute path, and this user has none on file.', {
    nextSteps: ['Set HOME, or VISIONTRAIN_HOME, to a folder of yours:  export VISIONTRAIN_HOME=/path/with/space'],
  });
}
