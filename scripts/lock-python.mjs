// Writes trainer/requirements/*.lock anew from the .in files beside them: exact versions, every file's hash, one lock
// for all supported Pythons and platforms, without the name of the index. It needs uv (set UV to its path). Locked
// versions stay as long as the .in allows them; with --upgrade everything moves to its newest version.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', 'trainer', 'requirements');
const scratch = mkdtempSync(join(tmpdir(), 'visiontrain-lock-'));
// torch is installed apart from the lock, with its many CUDA packages. A marker that never holds takes it out of this
// one.
const without = join(scratch, 'without.txt');
writeFileSync(without, 'torch ; python_version < "3"\n');
// Packages that the environment has already. An extra is installed beside it, and a second numpy would hide the first.
const own = join(scratch, 'own.txt');
const shared = ['numpy', 'packaging', 'pillow'];
writeFileSync(own, shared.map((name) => `${name} ; python_version < "3"\n`).join(''));
const EXTRAS = ['captions', 'heif', 'wandb', 'trackio', 'optuna'];
const bounds = (name) => {
  if (name.startsWith('cu')) return ['--constraint', join(folder, 'requirements.lock')];
  return ['--override', EXTRAS.includes(name) ? own : without];
};

for (const name of ['requirements', 'dev', 'cu130', 'cu128', 'cu126', ...EXTRAS]) {
  const lock = join(folder, `${name}.lock`);
  const made = join(scratch, `${name}.lock`);
  if (!process.argv.includes('--upgrade') && existsSync(lock)) copyFileSync(lock, made);
  const options = ['--universal', '--python-version', '3.10', '--generate-hashes', '--no-annotate', '--no-header'];
  execFileSync(
    process.env.UV ?? 'uv',
    [
      'pip',
      'compile',
      join(folder, `${name}.in`),
      ...options,
      '--no-emit-index-url',
      ...bounds(name),
      '-q',
      '-o',
      made,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const text = readFileSync(made, 'utf8');
  if (/:\/\//.test(text)) throw new Error(`${name}.lock would name a place: ${/.*:\/\/.*/.exec(text)?.[0]}`);
  writeFileSync(lock, `# Made from ${name}.in by scripts/lock-python.mjs; do not edit.\n${text}`);
  console.log(`${name}.lock: ${text.match(/^[a-z]/gm)?.length} packages`);
}
rmSync(scratch, { recursive: true });
