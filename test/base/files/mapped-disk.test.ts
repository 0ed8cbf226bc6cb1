/**
 * Disks that map owners (network disks, shared folders of virtual machines): every file that a person makes there
 * shows another owner. The tests use a real one as another user than root, and are skipped where the machine cannot
 * make such a disk.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, expect, it } from 'vitest';

const PERSON = 4242;
const MAPPED = 5555;
// The tests' own temporary folder is closed to others.
const work = mkdtempSync('/tmp/visiontrain-mapped-');
const disk = join(work, 'disk');
const isMapped = process.getuid?.() === 0 && isReachable() && mount();
afterAll(() => {
  if (isMapped) spawnSync('umount', [disk]);
  rmSync(work, { recursive: true, force: true });
});

function isReachable(): boolean {
  return spawnSync(process.execPath, ['--version'], { uid: PERSON, gid: PERSON, env: {} }).status === 0;
}

/**
 * The kernel checks rights against the owner that the disk shows, so these files are open to all, as on a disk without
 * modes.
 */
function mount(): boolean {
  const real = join(work, 'real');
  for (const path of [real, disk]) mkdirSync(path);
  chmodSync(real, 0o777);
  chmodSync(work, 0o755);
  const owners = [`--force-user=${MAPPED}`, `--force-group=${MAPPED}`, '-o', 'allow_other'];
  return spawnSync('bindfs', [...owners, '--perms=a+rwX', real, disk]).status === 0;
}

/** Runs a line of JavaScript as that person, with the functions that are imported below; returns what it prints. */
async function asPerson(line: string): Promise<string> {
  const outfile = join(work, 'asked.mjs');
  await build({
    stdin: {
      contents: `export { makePrivateFolder } from './src/base/files/private-folder.ts';
        export { refuseForeignFolder } from './src/engine/runs/trust.ts';
        export { ownerOnDisk } from './src/base/files/owner-on-disk.ts';`,
      resolveDir: join(import.meta.dirname, '..', '..', '..'),
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  const script = `const ours = await import(${JSON.stringify(outfile)});
    try { console.log(JSON.stringify(await (${line}))); } catch (error) { console.log(error.id ?? error.stack); }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    uid: PERSON,
    gid: PERSON,
    cwd: '/',
    env: {},
    encoding: 'utf8',
  });
  return (stdout + stderr).trim();
}

it.runIf(isMapped)(
  'files that this person makes there are theirs, and files that another user made elsewhere are not',
  async () => {
    expect(await asPerson(`ours.ownerOnDisk(${JSON.stringify(disk)})`)).toBe(`{"uid":${MAPPED},"modes":false}`);
    const home = JSON.stringify(join(disk, 'home'));
    // The second time the folder exists already.
    for (let time = 0; time < 2; time += 1)
      expect(await asPerson(`(ours.makePrivateFolder(${home}), 'ours')`)).toBe('"ours"');
    const run = join(disk, 'home', 'fox');
    expect(
      await asPerson(`(ours.makePrivateFolder(${JSON.stringify(join(run, 'control'))}),
      ours.refuseForeignFolder(${JSON.stringify(run)}), 'started')`),
    ).toBe('"started"');

    const foreign = join(work, 'foreign');
    mkdirSync(join(foreign, 'control'), { recursive: true });
    for (const path of [foreign, join(foreign, 'control')]) chownSync(path, MAPPED, MAPPED);
    expect(await asPerson(`ours.makePrivateFolder(${JSON.stringify(foreign)})`)).toBe('disk/other-user');
    expect(await asPerson(`ours.refuseForeignFolder(${JSON.stringify(foreign)})`)).toBe('run/not-ours');
  },
);
