/** Kills a set-up with SIGKILL at random moments, and finally lets one finish. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { places } from '../../src/base/paths.ts';
import { groupMembers } from '../../src/base/process/group.ts';
import { checkEnvironment, environmentDir } from '../../src/engine/environment/check.ts';
import type { Requirements } from '../../src/engine/environment/requirements.ts';
import { makeWheels, withoutUv, writeLock } from './wheels.ts';

export interface Storm {
  /** Moments of the kills, in seconds after each start. */
  readonly kills: readonly number[];
  /** Whether the environment was ready in the end, and the output of the last set-up. */
  readonly ready: boolean;
  readonly output: string;
  /** Files and folders beside the environment that a killed set-up left behind. */
  readonly left: readonly string[];
  /** Number of kills that met a set-up which had ended already. */
  readonly late: number;
}

/** @param moments seconds from each start to its kill */
export async function setupStorm(root: string, moments: readonly number[]): Promise<Storm> {
  const dir = mkdtempSync(join(tmpdir(), 'vt-storm-'));
  try {
    const wheels = join(dir, 'wheels');
    const hashes = makeWheels(wheels, [
      { name: 'alpha', version: '1.2.0', requires: ['beta'] },
      { name: 'beta', version: '0.3.1' },
    ]);
    makeWheels(wheels, [{ name: 'torch', version: '2.13.0+cpu', requires: ['alpha'], code: 'ones = 4\n' }]);
    const lock = join(dir, 'requirements.lock');
    writeLock(lock, hashes);
    const requirements: Requirements = { lock, torch: '2.13.0', build: 'cpu', bytes: 1 };
    const env = {
      PATH: withoutUv(),
      HOME: dir,
      VISIONTRAIN_HOME: join(dir, 'home'),
      PIP_CONFIG_FILE: '/dev/null',
      PIP_NO_INDEX: '1',
      PIP_FIND_LINKS: wheels,
    };
    const input = join(dir, 'input.json');
    writeFileSync(input, JSON.stringify({ env, requirements }));
    const worker = join(root, 'test', 'helpers', 'setup-worker.ts');
    const start = () => {
      const child = spawn(process.execPath, [worker, input], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
      return { child, ended, output: () => output };
    };
    let late = 0;
    for (const seconds of moments) {
      const { child, ended } = start();
      const early = await Promise.race([ended.then(() => true), sleep(seconds * 1000, false)]);
      if (early) late += 1;
      else child.kill('SIGKILL');
      // A pip that was started goes on without its set-up, as it does after a real kill.
      child.stdout.destroy();
      child.stderr.destroy();
    }
    const last = start();
    const code = await last.ended;
    const at = places(env);
    const envs = dirname(environmentDir(at, requirements));
    const found = existsSync(envs) ? readdirSync(envs) : [];
    const own = environmentDir(at, requirements).slice(envs.length + 1);
    return {
      kills: moments,
      ready:
        code === 0 &&
        checkEnvironment(at, requirements) !== undefined &&
        groupMembers(last.child.pid ?? 0).length === 0,
      output: last.output(),
      left: found.filter((name) => ![own, `${own}.log`, `${own}.claims`].includes(name)),
      late,
    };
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
