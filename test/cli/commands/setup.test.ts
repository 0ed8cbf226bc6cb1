import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startCli } from '../../helpers/cli.ts';
import { silentIndex, withoutUv } from '../../helpers/wheels.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vt-setup-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** Processes whose command line names the folder. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8')];
      } catch {
        return [];
      }
    })
    .filter((line) => line.includes(folder));
}

describe.skipIf(!existsSync('/proc/self/cmdline'))('visiontrain setup', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 143],
  ] as const)('ends at %s with %i, says how to go on, and leaves no installer behind', async (signal, expected) => {
    const index = await silentIndex();
    try {
      const env = { ...process.env, ...index.env, VISIONTRAIN_HOME: home, PATH: withoutUv() };
      const { child, done } = startCli(['setup'], env);
      await index.asked;
      expect(processesOf(home)).not.toEqual([]);
      child.kill(signal);
      const { code, stdout, stderr } = await done;
      expect(code).toBe(expected);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^Stopped\. What was fetched is kept; visiontrain setup goes on\.$/m);
      expect(processesOf(home)).toEqual([]);
    } finally {
      index.close();
    }
  });
});
