import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Prepares the product's own environment, and the test tools beside it, so that users' installs never hold them. */
export function pythonForTests(root) {
  const setup = execFileSync(
    process.execPath,
    ['bin/visiontrain', 'setup', '--captions', '--heif', '--optuna', '--json'],
    {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const { python, extras = {} } = JSON.parse(setup.trim().split('\n').at(-1) ?? '{}');
  const lock = join(root, 'trainer', 'requirements', 'dev.lock');
  const key = createHash('sha256').update(readFileSync(lock)).update(python).digest('hex').slice(0, 16);
  const tools = join(root, '.cache', `pytest-${key}`);
  if (!existsSync(join(tools, '.complete'))) {
    console.error('visiontrain: installing Python test tools (once)');
    rmSync(tools, { recursive: true, force: true });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--require-hashes'];
    execFileSync(python, [...pip, '--target', tools, '-r', lock], { stdio: ['ignore', 'inherit', 'inherit'] });
    writeFileSync(join(tools, '.complete'), '');
  }
  return { python, tools, extras: Object.values(extras).filter(Boolean) };
}
