import { type Stats, statSync } from 'node:fs';

/**
 * Stats of a path; links are followed. Returns undefined when this person can reach nothing there: there is no such
 * file, a link leads nowhere or in circles, or a folder on the way may not be entered.
 */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
