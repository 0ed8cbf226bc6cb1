/** Says where Node keeps our compiled code. `bin/visiontrain` calls this module before anything else is loaded. */
import { places } from '../paths.ts';
import { typedEnvironment } from '../typed-env.ts';
import { codeCache } from './private-folder.ts';

/**
 * Folder in which Node may keep our compiled code; undefined while there is no such folder, as before the first run.
 * The folder is closed to all other users, because Node runs the code in it without a further check. Node's own
 * default is a name below /tmp that anybody can create first.
 */
export function compileCacheFolder(env: NodeJS.ProcessEnv): string | undefined {
  try {
    return codeCache(places(typedEnvironment(env, process.cwd())).cache, 'node');
  } catch {
    // The command itself reports whatever is wrong with the folder, so nothing is said here.
    return undefined;
  }
}
