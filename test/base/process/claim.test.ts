import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claim, lastHolder, withClaim } from '../../../src/base/process/claim.ts';
import { endGroup, groupMembers } from '../../../src/base/process/group.ts';
import { identify, isAlive, type ProcessIdentity } from '../../../src/base/process/identity.ts';
import { until } from '../../helpers/fixture-run.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vt-claim-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));
const me = identify(process.pid) as ProcessIdentity;

describe('identity', () => {
  it('tells a process from another that has its number', () => {
    expect(isAlive(me)).toBe(true);
    expect(isAlive({ ...me, start: '1' })).toBe(false);
    expect(isAlive({ ...me, boot: 'another boot' })).toBe(false);
    expect(isAlive({ ...me, host: `not-${hostname()}` })).toBe('elsewhere');
    // Containers of one machine share its name, its boot and, by chance, a number.
    if (process.platform === 'linux') expect(isAlive({ ...me, ns: 'pid:[1]' })).toBe('elsewhere');
    const { pid } = spawnSync('true');
    expect(identify(pid)).toBeUndefined();
  });

  it('counts a zombie as gone', async () => {
    // A shell that never waits for its child keeps it as a zombie.
    const parent = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const zombie = await new Promise<number>((resolve) => parent.stdout.once('data', (text) => resolve(Number(text))));
    await until(() => identify(zombie) === undefined);
    process.kill(zombie, 0);
    parent.kill('SIGKILL');
  });
});

describe('claim', () => {
  const write = (number: number, identity: unknown, age = 0) => {
    const path = join(dir, `${number}.json`);
    writeFileSync(path, typeof identity === 'string' ? identity : JSON.stringify(identity));
    utimesSync(path, Date.now() / 1000 - age, Date.now() / 1000 - age);
  };

  it('is exclusive, and free again after its release', () => {
    const first = claim(dir);
    if (!('claim' in first)) throw new Error('was free');
    expect(first.claim.number).toBe(1);
    expect(claim(dir)).toMatchObject({ holder: { number: 1, live: true, identity: { pid: process.pid } } });
    first.claim.release();
    expect(claim(dir)).toHaveProperty('claim');
  });

  it('passes from a dead holder to the next number', () => {
    write(1, { ...me, start: '1' });
    write(2, { ...me, boot: 'before the reboot' });
    expect(claim(dir)).toMatchObject({ claim: { number: 3 } });
  });

  it('believes a holder on another machine as long as it gives signs of life', () => {
    write(1, { ...me, host: 'elsewhere' }, 30);
    expect(lastHolder(dir)?.live).toBe(true);
    write(1, { ...me, host: 'elsewhere' }, 600);
    expect(lastHolder(dir)?.live).toBe(false);
  });

  it('that has ended counts as ended on other machines too, and keeps its number', () => {
    const held = claim(dir);
    if (!('claim' in held)) throw new Error('was free');
    const path = join(dir, '1.json');
    writeFileSync(path, JSON.stringify({ ...me, host: 'elsewhere' }));
    expect(claim(dir)).toMatchObject({ holder: { live: true } });
    held.claim.end();
    expect(claim(dir)).toMatchObject({ claim: { number: 2 } });
  });

  it('waits for a claim that is being written, and not for ever', () => {
    write(1, '');
    expect(lastHolder(dir)?.live).toBe(true);
    write(1, 'null', 60);
    expect(claim(dir)).toMatchObject({ claim: { number: 2 } });
  });

  it('is waited for while another process holds it, and released however the work ends', async () => {
    const folder = join(dir, 'w');
    const first = claim(folder);
    if (!('claim' in first)) throw new Error('nobody else has it');
    const waited: (number | undefined)[] = [];
    const onWait = ({ identity }: { identity?: ProcessIdentity | undefined }) => {
      waited.push(identity?.pid);
      first.claim.release();
    };
    const failing = withClaim(folder, { everyMs: 1, onWait }, async () => {
      expect(lastHolder(folder)?.live).toBe(true);
      throw new Error('the job failed');
    });
    await expect(failing).rejects.toThrow('the job failed');
    expect(waited).toEqual([process.pid]);
    expect(await withClaim(folder, { everyMs: 1 }, async () => 'done')).toBe('done');
    const stopped = { everyMs: 1, signal: AbortSignal.abort(new Error('stopped')) };
    await expect(withClaim(folder, stopped, async () => 'never')).rejects.toThrow('stopped');
  });

  it('is given to one of many processes that ask at once', async () => {
    mkdirSync(join(dir, 'c'));
    const source = join(import.meta.dirname, '../../../src/base/process/claim.ts');
    const script = join(dir, 'ask.mjs');
    const { build } = await import('esbuild');
    await build({
      entryPoints: [source],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: join(dir, 'claim.mjs'),
    });
    writeFileSync(
      script,
      `import { claim } from './claim.mjs';
       process.stdout.write('claim' in claim(process.argv[2]) ? 'won' : 'lost');
       // The winner holds its claim until it is killed, however late the others ask.
       setInterval(() => {}, 60_000);`,
    );
    const asking = Array.from({ length: 5 }, () =>
      spawn(process.execPath, [script, join(dir, 'c')], { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    const answers = await Promise.all(
      asking.map(
        (child) => new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(String(text)))),
      ),
    );
    for (const child of asking) child.kill('SIGKILL');
    expect(answers.sort()).toEqual(['lost', 'lost', 'lost', 'lost', 'won']);
  });
});

describe('process group', () => {
  it('is ended as a whole, also members that ignore SIGTERM', async () => {
    const leader = spawn('sh', ['-c', 'trap "" TERM; sleep 60 & sleep 60 & echo ready; wait'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => leader.stdout.once('data', resolve));
    const group = leader.pid as number;
    expect(groupMembers(group).length).toBe(3);
    expect(await endGroup(group, 0.2)).toBe(true);
    expect(groupMembers(group)).toEqual([]);
    expect(await endGroup(group, 1)).toBe(true);
  });
});
