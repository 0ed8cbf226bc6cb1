import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkPlaces,
  codeCache,
  isExclusive,
  makeModelsFolder,
  makePrivateFolder,
} from '../../../src/base/files/private-folder.ts';
import { places } from '../../../src/base/paths.ts';

const folder = () => mkdtempSync(join(tmpdir(), 'visiontrain-private-'));
const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8);
const bin = join(import.meta.dirname, '../../../bin/visiontrain');
const root = process.getuid?.() === 0;

describe('makePrivateFolder', () => {
  it('makes every folder for this user alone, whatever the umask', () => {
    const before = process.umask(0);
    try {
      const dir = folder();
      makePrivateFolder(join(dir, 'a', 'b'));
      expect([mode(join(dir, 'a')), mode(join(dir, 'a', 'b'))]).toEqual(['700', '700']);
    } finally {
      process.umask(before);
    }
  });

  it('takes from others the right to write to a folder that exists, and leaves them the right to read', () => {
    const dir = folder();
    chmodSync(dir, 0o2777);
    makePrivateFolder(dir);
    expect(mode(dir)).toBe('2755');
  });
});

describe('the places of visiontrain', () => {
  it('are closed to others from the first command on', async () => {
    const dir = folder();
    mkdirSync(join(dir, 'pictures'));
    const home = join(dir, 'home');
    const script = 'umask 000; exec "$0" "$@"';
    const args = ['models', 'pull', 'sdxl', '--accept-license'];
    const env = { ...process.env, VISIONTRAIN_HOME: home, VISIONTRAIN_OFFLINE: '1' };
    spawnSync('sh', ['-c', script, process.execPath, bin, ...args], { cwd: dir, env });
    const open = execFileSync('find', [home, '-perm', '/022', '-not', '-type', 'l'], { encoding: 'utf8' });
    expect(open).toBe('');
    expect(mode(home)).toBe('700');
  });

  it('may hold a link to a store of models that others share, which keeps its owner and its rights', () => {
    const dir = folder();
    const store = join(dir, 'store');
    mkdirSync(store);
    chmodSync(store, 0o2775);
    if (root) chownSync(store, 65531, 65531);
    const home = join(dir, 'home');
    makePrivateFolder(home);
    symlinkSync(store, join(home, 'models'));
    checkPlaces(places({ VISIONTRAIN_HOME: home }));
    makeModelsFolder(join(home, 'models'));
    expect(mode(store)).toBe('2775');
  });

  // The program is started as a third user, who has to be able to read it.
  it.runIf(root)('are refused when they are another user’s', () => {
    const dir = mkdtempSync('/tmp/visiontrain-private-');
    try {
      chmodSync(dir, 0o755);
      const home = join(dir, 'home');
      mkdirSync(home, { mode: 0o777 });
      chmodSync(home, 0o777);
      chownSync(home, 65531, 65531);
      const env = { ...process.env, VISIONTRAIN_HOME: home, HOME: dir };
      const { status, stderr } = spawnSync(process.execPath, [bin, 'ps'], { cwd: dir, env, uid: 65532, gid: 65532 });
      expect(String(stderr)).toContain(`${home} belongs to another user (number 65531).`);
      expect(String(stderr)).toContain(`export VISIONTRAIN_HOME=${home}/mine`);
      expect(status).toBe(3);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('a folder for compiled code', () => {
  it('is made below a cache that is this user’s alone', () => {
    const dir = folder();
    expect(codeCache(dir, 'node')).toBe(join(dir, 'node'));
    expect(mode(join(dir, 'node'))).toBe('700');
    // The folder exists already, and may still be used.
    expect(codeCache(dir, 'node')).toBe(join(dir, 'node'));
  });

  it('is left out where there is no cache yet', () => {
    expect(codeCache(join(folder(), 'none'), 'node')).toBeUndefined();
  });

  it.each([
    ['others may write to it', (dir: string) => chmodSync(join(dir, 'cache', 'node'), 0o770)],
    ['others may write to the one above', (dir: string) => chmodSync(join(dir, 'cache'), 0o777)],
    ['others may write further up', (dir: string) => chmodSync(dir, 0o777)],
  ])('is left out where %s', (_why, open) => {
    const dir = folder();
    mkdirSync(join(dir, 'cache', 'node'), { recursive: true, mode: 0o700 });
    expect(isExclusive(join(dir, 'cache', 'node'))).toBe(true);
    open(dir);
    expect(codeCache(join(dir, 'cache'), 'node')).toBeUndefined();
  });

  it('is left out where it is a link, or a link on the way leads to where others write', () => {
    const dir = folder();
    const open = join(dir, 'open');
    mkdirSync(join(open, 'cache', 'node'), { recursive: true, mode: 0o700 });
    chmodSync(open, 0o777);
    mkdirSync(join(dir, 'one'));
    symlinkSync(join(open, 'cache', 'node'), join(dir, 'one', 'node'));
    expect(codeCache(join(dir, 'one'), 'node')).toBeUndefined();
    symlinkSync(join(open, 'cache'), join(dir, 'linked'));
    expect(codeCache(join(dir, 'linked'), 'node')).toBeUndefined();
  });

  it.runIf(root)('is left out where it is another user’s', () => {
    const dir = folder();
    mkdirSync(join(dir, 'node'), { mode: 0o700 });
    chownSync(join(dir, 'node'), 65531, 65531);
    expect(codeCache(dir, 'node')).toBeUndefined();
  });
});
