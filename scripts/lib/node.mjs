// Goes on with a Node that this package runs on. Where the one that was called is too old, a newer one is fetched once
// through npm into .cache, and the same command is started again with it; whatever it starts finds that Node first on
// the PATH. It is written so that Node 16 can read it; whatever needs more is imported after it.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import floor from '../../bin/floor.cjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const { fits, need } = floor;

/** The line of Node that is fetched: its newest version with long-term support that `engines` takes. */
const WANTED = 'node@24';

if (!fits(process.versions.node)) goOn(fetched());

/** Path of the fetched Node. */
function fetched() {
  const folder = join(root, '.cache', 'node');
  const node = join(folder, 'node_modules', 'node', 'bin', 'node');
  const works = () => existsSync(node) && fits(version(node));
  if (works()) return node;
  process.stderr.write(`visiontrain: this is Node ${process.versions.node}; fetching Node 24 into .cache (once)\n`);
  // The package's own script puts the program in its place, also where scripts of packages are switched off.
  const quiet = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts=false'];
  try {
    execFileSync('npm', ['install', '--prefix', folder, ...quiet, WANTED], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      // The package's script runs npm again, which would advertise a newer npm between our lines.
      env: { ...process.env, npm_config_update_notifier: 'false' },
    });
  } catch {
    // npm has printed the reason.
  }
  if (works()) return node;
  process.stderr.write(`visiontrain needs ${need}, and npm could not fetch one. Get one from https://nodejs.org\n`);
  return process.exit(3);
}

function version(node) {
  try {
    return execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1);
  } catch {
    return '0.0.0';
  }
}

/** Starts the command again with another Node and ends as it ends. */
function goOn(node) {
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH || ''}` };
  const args = [...process.execArgv, ...process.argv.slice(1)];
  // Ctrl-C reaches the other one too, which ends in its own way; this process waits for it.
  process.on('SIGINT', () => {});
  const { status, signal } = spawnSync(node, args, { env, stdio: 'inherit' });
  process.removeAllListeners('SIGINT');
  if (signal) process.kill(process.pid, signal);
  process.exit(status === null ? 1 : status);
}
