/**
 * Real boxes for tests: each is an sshd of its own on this machine, with its own home, keys and port, behind a proxy
 * whose connections can be cut, stalled and slowed.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';

const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find((path) => existsSync(path));
const RSYNC = ['/usr/bin/rsync', '/usr/local/bin/rsync'].find((path) => existsSync(path));

/** Why boxes cannot run here; undefined when they can. */
export const noBoxes: string | undefined =
  SSHD === undefined || RSYNC === undefined ? 'openssh-server or rsync is not installed' : undefined;

export interface BoxOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** PATH on the box. */
  readonly path?: string;
  /** Whether the box refuses the key, so that only a password would help. */
  readonly asksPassword?: boolean;
  /** Text that a login prints before anything else. */
  readonly greeting?: string;
}

/** The machine where a person sits: a folder with keys, and an `ssh` that uses them, as a person's settings would. */
export class Desk {
  readonly dir = mkdtempSync(join(tmpdir(), 'vtd-'));
  readonly env: NodeJS.ProcessEnv;
  readonly #boxes: SshBox[] = [];

  constructor(env: NodeJS.ProcessEnv = {}) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(this.dir, 'key')]);
    const settings = ['IdentityFile', 'UserKnownHostsFile'].map(
      (name, i) => `  ${name} ${this.dir}/${['key', 'known'][i]}`,
    );
    writeFileSync(join(this.dir, 'config'), ['Host *', ...settings, '  IdentitiesOnly yes', ''].join('\n'));
    const bin = join(this.dir, 'bin');
    mkdirSync(bin);
    // A silent connection is given up after two seconds here, and after thirty for people.
    const alive = '-o ServerAliveInterval=1 -o ServerAliveCountMax=2';
    writeFileSync(join(bin, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F '${this.dir}/config' ${alive} "$@"\n`, {
      mode: 0o755,
    });
    this.env = {
      ...process.env,
      VISIONTRAIN_HOME: join(this.dir, 'home'),
      XDG_RUNTIME_DIR: this.dir,
      PATH: `${bin}:${process.env.PATH ?? ''}`,
      ...env,
    };
  }

  async box(options: BoxOptions = {}): Promise<SshBox> {
    const box = new SshBox(join(this.dir, `box${this.#boxes.length}`), join(this.dir, 'key.pub'), options);
    this.#boxes.push(box);
    await box.start();
    this.trust(box);
    return box;
  }

  /** This stands for a person who has compared the fingerprint and said yes. */
  trust(box: SshBox): void {
    const key = readFileSync(join(box.dir, 'hostkey.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
    writeFileSync(join(this.dir, 'known'), `[127.0.0.1]:${box.port} ${key}\n`, { flag: 'a' });
  }

  async remove(): Promise<void> {
    for (const box of this.#boxes) await box.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export class SshBox {
  readonly dir: string;
  readonly home: string;
  readonly target = `${userInfo().username}@127.0.0.1`;
  /** Port of the proxy; the port of sshd itself is behind it. */
  port = 0;
  /**
   * Bytes that may pass until the connection is cut, then the bytes until the next cut, and so on; after the last cut
   * the connection holds. What has passed is on the disk of its side before the cut, so that a busy machine loses no
   * more than an idle one.
   */
  allowances: number[] = [];
  /** Bytes that have passed in both directions, and the number of cuts. */
  passed = 0;
  cuts = 0;
  readonly #options: BoxOptions;
  readonly #sockets = new Set<Socket>();
  #stalled = false;
  /** Whether an allowance is used up: nothing passes until the cut, which waits for the disk. */
  #ending = false;
  #refuses = false;
  #sshd: ChildProcess | undefined;
  #line: Server | undefined;

  constructor(dir: string, publicKey: string, options: BoxOptions) {
    this.dir = dir;
    this.home = join(dir, 'home');
    this.#options = options;
    mkdirSync(this.home, { recursive: true });
    writeFileSync(join(dir, 'authorized'), options.asksPassword === true ? '' : readFileSync(publicKey));
    this.newKey();
  }

  /** Gives the box another host key, as if the machine had been set up anew. */
  newKey(): void {
    for (const name of ['hostkey', 'hostkey.pub']) rmSync(join(this.dir, name), { force: true });
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(this.dir, 'hostkey')]);
    chmodSync(join(this.dir, 'hostkey'), 0o600);
  }

  async start(): Promise<void> {
    const behind = await freePort();
    const { env = {}, path = process.env.PATH ?? '', asksPassword = false, greeting } = this.#options;
    const given = Object.entries({ HOME: this.home, PATH: path, ...env }).map(([name, value]) => `"${name}=${value}"`);
    const hello = greeting === undefined ? '' : `echo '${greeting}'; `;
    const lines = [
      ...[`Port ${behind}`, 'ListenAddress 127.0.0.1', `HostKey ${this.dir}/hostkey`, `PidFile ${this.dir}/pid`],
      ...[`AuthorizedKeysFile ${this.dir}/authorized`, 'StrictModes no', 'UsePAM no', 'PermitRootLogin yes'],
      ...[`PasswordAuthentication ${asksPassword ? 'yes' : 'no'}`, 'KbdInteractiveAuthentication no'],
      ...['MaxStartups 200', 'MaxSessions 50', 'PrintMotd no', 'PrintLastLog no', `SetEnv ${given.join(' ')}`],
      `ForceCommand ${hello}cd "$HOME" && exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"`,
    ];
    writeFileSync(join(this.dir, 'sshd_config'), `${lines.join('\n')}\n`);
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
    this.#sshd = spawn(SSHD ?? 'sshd', ['-D', '-e', '-f', join(this.dir, 'sshd_config')], {
      stdio: ['ignore', 'ignore', process.env.SSHD_LOG === undefined ? 'ignore' : 'inherit'],
    });
    await answers(behind);
    if (this.#line === undefined) await this.#listen(() => behind);
    else this.#behind = () => behind;
  }

  #behind: () => number = () => 0;

  async #listen(behind: () => number): Promise<void> {
    this.#behind = behind;
    this.#line = createServer((near) => this.#join(near));
    await new Promise<void>((resolve) => this.#line?.listen(0, '127.0.0.1', resolve));
    this.port = (this.#line.address() as AddressInfo).port;
  }

  #join(near: Socket): void {
    if (this.#refuses) {
      near.destroy();
      return;
    }
    const far = connect(this.#behind(), '127.0.0.1');
    for (const socket of [near, far]) this.#sockets.add(socket);
    const end = () => {
      if (this.#ending) return;
      near.destroy();
      far.destroy();
    };
    near.on('data', (part) => {
      if (this.#passes(part.length) && !far.write(part)) near.pause();
    });
    far.on('drain', () => near.resume());
    far.on('data', (part) => {
      if (this.#passes(part.length) && !near.write(part)) far.pause();
    });
    near.on('drain', () => far.resume());
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
  }

  /** Whether this many bytes may pass. The connection is cut when they exceed the allowance. */
  #passes(bytes: number): boolean {
    if (this.#stalled || this.#ending) return false;
    this.passed += bytes;
    const [left] = this.allowances;
    if (left === undefined) return true;
    this.allowances[0] = left - bytes;
    if (left >= bytes) return true;
    this.allowances.shift();
    this.#ending = true;
    void this.#written().then(() => this.cut());
    return false;
  }

  /** Resolves when no file of this test has grown for half a second. */
  async #written(): Promise<void> {
    let before = -1;
    for (let still = 0; still < 5; still += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const now = bytesBelow(dirname(this.dir));
      if (now !== before) still = 0;
      before = now;
    }
  }

  /** Cuts every connection. New ones can be made. */
  cut(): void {
    this.cuts += 1;
    this.#ending = false;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  /** Lets nothing pass any more, and closes no connection. */
  stall(on: boolean): void {
    this.#stalled = on;
    if (!on) this.cut();
  }

  /** Closes new connections at once. */
  refuse(on: boolean): void {
    this.#refuses = on;
    this.cut();
  }

  async restart(): Promise<void> {
    await this.#end();
    await this.start();
  }

  async #end(): Promise<void> {
    this.cut();
    const gone = new Promise((resolve) => this.#sshd?.once('exit', resolve));
    this.#sshd?.kill('SIGTERM');
    await gone;
  }

  async stop(): Promise<void> {
    await this.#end();
    await new Promise((resolve) => this.#line?.close(resolve));
  }
}

/** The size of a folder that disappears while it is read is NaN, which equals nothing. */
function bytesBelow(dir: string): number {
  try {
    return readdirSync(dir, { recursive: true, withFileTypes: true }).reduce(
      (sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  } catch {
    return Number.NaN;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(port: number): Promise<void> {
  for (;;) {
    const is = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      }).on('error', () => resolve(false));
    });
    if (is) return;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
