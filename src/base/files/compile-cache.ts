/** Asked by `bin/visiontrain` before anything else is loaded. */
import { places } from '../paths.ts';
import { typedEnvironment } from '../typed-env.ts';
import { codeCache } from './private-folder.ts';

/**
 * Where Node may keep our code compiled: a folder of this user's alone, since what lies there is run unseen. Node's own
 * choice has a name below /tmp that anybody can take first. undefined where there is none, as before the first run.
 */
export function compileCacheFolder(env: NodeJS.ProcessEnv): string | undefined {
  try {
    return codeCache(places(typedEnvironment(env, process.cwd())).cache, 'node');
  } catch {
    // Whatever is wrong is said by the command itself.
    return undefined;
  }
}
