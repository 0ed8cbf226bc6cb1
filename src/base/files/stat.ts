import { type Stats, statSync } from 'node:fs';

/**
 * What is at a path, links followed; undefined when there is nothing that this person can get at: no such file, a link
 * that leads nowhere or in circles, a folder that may not be entered.
 */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
