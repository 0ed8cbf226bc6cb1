import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ps, statFields } from './identity.ts';

/** Numbers of the live processes in a group. Zombies count as gone, because they hold no memory. */
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

/**
 * Sends a signal to a whole group. It reports no error for a group that is gone or belongs to another user;
 * `groupEnds` tells whether the group is empty.
 */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  // kill(2) reads -1 as every process there is.
  if (group <= 1) return;
  try {
    process.kill(-group, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/** Waits until the group is empty; returns false when it is not empty after `seconds`. */
export async function groupEnds(group: number, seconds: number): Promise<boolean> {
  const until = Date.now() + seconds * 1000;
  while (groupMembers(group).length > 0) {
    if (Date.now() > until) return false;
    await sleep(50);
  }
  return true;
}

/**
 * Sends SIGTERM, then SIGKILL to the processes that are left after `grace` seconds. Returns whether the group is empty.
 */
export async function endGroup(group: number, grace: number): Promise<boolean> {
  if (groupMembers(group).length === 0) return true;
  signalGroup(group, 'SIGTERM');
  if (await groupEnds(group, grace)) return true;
  signalGroup(group, 'SIGKILL');
  return groupEnds(group, 5);
}
