/** `bin/visiontrain` asks this module before anything else is loaded. */
import { places } from '../paths.ts';
import { typedEnvironment } from '../typed-env.ts';
import { codeCache } from './private-folder.ts';

/**
 * Where Node may keep our compiled code. The folder is closed to all other users, since the code in it is run without a
 * further look. Node's own default is a name below /tmp that anybody can take first. Returns undefined while there is
 * no such folder, as before the first run.
 */
export function compileCacheFolder(env: NodeJS.ProcessEnv): string | undefined {
  try {
    return codeCache(places(typedEnvironment(env, process.cwd())).cache, 'node');
  } catch {
    // The command itself reports whatever is wrong with the folder.
    return undefined;
  }
}
