// Types every command line of docs/agents.md, in the order of the page, against runs of three steps on the embedded model,
// and checks exit codes and that each document fits its schema: `VISIONTRAIN_PYTHON=… node bench/agents.mjs`. It takes
// two minutes of two cores, in which nothing may build this tree anew. Words in capitals stand for what came of the lines before. Lines that need another machine or
// a login must end with the error that EXPECTED names.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { holdToSchema } from '../test/helpers/documents.ts';

const root = join(import.meta.dirname, '..');
const dir = mkdtempSync(join(tmpdir(), 'visiontrain-agents-'));
const home = join(dir, 'home');
const gate = join(dir, 'gate');
const python = process.env.VISIONTRAIN_PYTHON;
if (python === undefined) throw new Error('Name a Python with the trainer’s packages in VISIONTRAIN_PYTHON.');

/** A Python that begins no training while the gate stands, so that a run can be stopped before it is over. */
const held = join(dir, 'python');
writeFileSync(
  held,
  `#!/bin/sh
case "$*" in *"-m visiontrain_trainer "*) while [ -e '${gate}' ]; do sleep 0.2; done ;; esac
exec '${python}' "$@"
`,
  { mode: 0o755 },
);
const { HF_TOKEN: _, ...inherited } = process.env;
const env = { ...inherited, VISIONTRAIN_HOME: home, VISIONTRAIN_PYTHON: held, HOME: dir };

/** Beginnings of lines that cannot end with 0 here: exit codes, and ids of errors. */
const EXPECTED = [
  ['hosts add', [3], /"box\/unreachable"/u],
  ['doctor', [0, 3], undefined],
];

mkdirSync(home, { mode: 0o700 });
mkdirSync(join(dir, 'pictures'));
const lesson = join(root, 'presets/tiny/lesson-style');
for (const name of readdirSync(lesson).slice(0, 8)) cpSync(join(lesson, name), join(dir, 'pictures', name));
writeFileSync(
  join(dir, 'kohya.toml'),
  'learning_rate = 1e-4\nnetwork_dim = 8\nmax_train_steps = 3\noptimizer_type = "AdamW"\n',
);

/** What stands for the words in capitals by now. */
const stands = { NAME: 'pictures', OTHER: 'other', TEXT: 'a lumo', ID: 'run/none', GROUP: '', DIR: '' };
let made = 0;
function another(kind) {
  made += 1;
  return `${kind}-${made}`;
}

function words(line) {
  const given = line
    .replace(/^visiontrain /u, '')
    .replace(/\s+#.*$/u, '')
    .trim()
    .split(/\s+/u);
  const [command, sub] = given;
  const at = given.map((word) => {
    const [name] = /^[A-Z]+(?=$|:0\.8$|\.safetensors$)/u.exec(word) ?? [];
    if (name === undefined) return word;
    if (name === 'LORA' || (name === 'FILE' && command !== 'run'))
      return word.replace(/^[A-Z]+(\.safetensors)?/u, lora());
    if (name === 'FILE') return 'run.yaml';
    if (name === 'NAME' && command === 'schema') return 'status';
    if (name === 'NAME' && (command === 'preset' || given[given.indexOf(word) - 1] === '--preset')) return 'kept';
    if (name === 'DIR') return join(dir, another('made'));
    if (name === 'NAME' && (command === 'stop' || command === 'resume')) return stands.OTHER;
    return stands[name] ?? word;
  });
  if (command === 'new' && existsSync(join(dir, 'run.yaml'))) at[at.indexOf('-o') + 1] = `${another('new')}.yaml`;
  // The page speaks of SDXL; here is the embedded model alone.
  if (at.includes('--base')) at[at.indexOf('--base') + 1] = 'tiny';
  if (command === 'new' && at.includes('kohya.toml')) at.push('--base', 'tiny');
  return { command, sub, at };
}

const runOf = (name) => join(home, 'runs', name);
const lora = () =>
  join(runOf('pictures'), JSON.parse(readFileSync(join(runOf('pictures'), 'exit.json'), 'utf8')).outputs[0].path);

function visiontrain(args) {
  const child = spawn(process.execPath, [join(root, 'bin/visiontrain'), ...args], { cwd: dir, env });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].on('data', (text) => (said[name] += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...said })));
}

async function until(done) {
  while (!(await done())) await sleep(200);
}

const over = async () => {
  const runs = JSON.parse((await visiontrain(['ps', '--json'])).stdout);
  return runs.every(({ state }) => state !== 'live' && state !== 'new' && state !== 'waiting');
};

/** The lines of the page, and the commands within its sentences. */
function lines() {
  const page = readFileSync(join(root, 'docs/agents.md'), 'utf8');
  const found = [];
  for (const [, block, inline] of page.matchAll(/```sh\n([\s\S]*?)```|`((?:visiontrain |new \.)[^`\n]+)`/gu))
    found.push(...(block === undefined ? [inline] : block.trimEnd().split('\n')));
  return found.filter((line) => line.split(' ').length > 2 || line === 'visiontrain schema');
}

/** What a line needs that the page takes for granted. */
async function before({ command, sub }) {
  if (command === 'run' && existsSync(join(dir, 'run.yaml'))) {
    // A recipe's length would take minutes.
    const text = readFileSync(join(dir, 'run.yaml'), 'utf8')
      .replace(/^( {2}steps:) \d+/mu, '$1 3')
      .replace(/^( {2}warmup:) \d+/mu, '$1 0')
      .replace(/^( {2}checkpoint_every:) \d+/mu, '$1 1');
    writeFileSync(join(dir, 'run.yaml'), text.replace(/(^samples:[\s\S]*?^ {2}steps:) \d+/mu, '$1 1'));
  }
  if (command === 'stop') {
    writeFileSync(gate, '');
    await visiontrain(['run', 'run.yaml', '--name', 'other', '--detach', '--json']);
    void until(
      () => existsSync(join(runOf('other'), 'control')) && readdirSync(join(runOf('other'), 'control')).length > 0,
    ).then(() => rmSync(gate));
  }
  if (['compare', 'judge'].includes(command) || (command === 'export' && sub === 'NAME')) await until(over);
}

let bad = 0;
for (const line of lines()) {
  const typed = words(line);
  await before(typed);
  const start = Date.now();
  const { code, stdout, stderr } = await visiontrain(typed.at);
  const [, codes, ids] = EXPECTED.find(([begins]) => typed.at.join(' ').startsWith(begins)) ?? ['', [0], undefined];
  const problems = [];
  if (!codes.includes(code))
    problems.push(`exit code ${code}, not ${codes.join(' or ')}`, stderr.trim(), stdout.slice(0, 600));
  if (typed.at.includes('--json') || typed.command === 'schema')
    try {
      for (const text of stdout.trim().startsWith('{\n') || typed.command === 'schema'
        ? [stdout]
        : stdout.trim().split('\n'))
        JSON.parse(text);
      holdToSchema(typed.at, stdout);
      if (ids !== undefined && !ids.test(stdout)) problems.push(`another error: ${stdout}`);
      if (typed.command === 'queue' && typed.sub === 'add') stands.GROUP = JSON.parse(stdout).sweeps.at(-1).group;
    } catch (error) {
      problems.push(String(error), stdout.slice(0, 600));
    }
  bad += problems.length > 0 ? 1 : 0;
  console.log(
    `${problems.length > 0 ? '✖' : '✔'} ${code} ${((Date.now() - start) / 1000).toFixed(1)} s  visiontrain ${typed.at.join(' ')}`,
  );
  for (const problem of problems) console.log(`    ${problem.replaceAll('\n', '\n    ')}`);
}
await until(over);
await visiontrain(['queue', 'stop']);
if (bad === 0) rmSync(dir, { recursive: true, force: true });
else console.log(`${bad} lines do not do what the page says; see ${dir}`);
process.exitCode = bad > 0 ? 1 : 0;
