import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('the npm package holds no bytecode, which nobody reviews', () => {
  const root = join(import.meta.dirname, '..');
  const folder = join(root, 'trainer', 'visiontrain_trainer', '__pycache__');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'planted.cpython-310.pyc'), '');
  const told = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
  });
  const [{ files }] = JSON.parse(told) as [{ files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  expect(paths).toContain('trainer/visiontrain_trainer/__main__.py');
  expect(paths.filter((path) => /__pycache__|\.pyc$/.test(path))).toEqual([]);
});
