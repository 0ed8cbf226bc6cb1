import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ps, statFields } from './identity.ts';

/** Numbers of the processes in a group that still do something: zombies hold no memory and count as gone. */
export function groupMembers(group: number): number[] {
  if (process.platform !== 'linux') {
    const lines = ps(['-A', '-o', 'pid=,pgid=,stat=']).split('\n');
    const rows = lines.map((line) => line.trim().split(/\s+/));
    return rows.filter(([, g, state]) => Number(g) === group && !state?.startsWith('Z')).map(([pid]) => Number(pid));
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [state, , itsGroup] = statFields(pid);
        return Number(itsGroup) === group && state !== 'Z' && state !== 'X';
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Sends a signal to a whole group; one that is gone, or is another user's, is left to `groupEnds` to tell. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  // By -1 the system means every process there is.
  if (group <= 1) return;
  try {
    process.kill(-group, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/** Waits until the group is empty; false when it is not after `seconds`. */
export async function groupEnds(group: number, seconds: number): Promise<boolean> {
  const until = Date.now() + seconds * 1000;
  while (groupMembers(group).length > 0) {
    if (Date.now() > until) return false;
    await sleep(50);
  }
  return true;
}

/** SIGTERM, then SIGKILL to what is left after `grace` seconds. Returns whether the group is empty. */
export async function endGroup(group: number, grace: number): Promise<boolean> {
  if (groupMembers(group).length === 0) return true;
  signalGroup(group, 'SIGTERM');
  if (await groupEnds(group, grace)) return true;
  signalGroup(group, 'SIGKILL');
  return groupEnds(group, 5);
}
