import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../src/base/package-root.ts';
import { chooseInstaller } from '../../../src/engine/environment/tools/installer.ts';
import { runTool } from '../../../src/engine/environment/tools/tool.ts';
import { trainerCommand } from '../../../src/engine/supervisor/command.ts';
import { cli } from '../../helpers/cli.ts';
import { fixturePlan } from '../../helpers/fixture-run.ts';

const python = process.env.VISIONTRAIN_TEST_PYTHON ?? '';
const MODULES = [
  'json',
  'torch',
  'numpy',
  'importlib',
  'struct',
  'visiontrain_trainer',
  'sitecustomize',
  'usercustomize',
];

/** A folder full of modules of well-known names; each that is imported leaves its name in `ran`. */
function strangersFolder(): { dir: string; ran: () => string[] } {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-stranger-'));
  const ran = join(dir, 'ran');
  mkdirSync(ran);
  const leave = (name: string) => `open(${JSON.stringify(join(ran, name))}, "w").close()\n`;
  for (const name of MODULES) {
    writeFileSync(join(dir, `${name}.py`), leave(name));
    mkdirSync(join(dir, name));
    for (const file of ['__init__', '__main__']) writeFileSync(join(dir, name, `${file}.py`), leave(`${name}.${file}`));
  }
  return { dir, ran: () => readdirSync(ran) };
}

describe.runIf(python !== '')('in a folder with Python modules of a stranger', () => {
  it('neither set-up nor a run imports one of them', async () => {
    const { dir, ran } = strangersFolder();
    const home = mkdtempSync(join(tmpdir(), 'visiontrain-home-'));
    const env = { ...process.env, VISIONTRAIN_HOME: home, VISIONTRAIN_PYTHON: python };
    expect(await cli(['setup'], env, dir)).toMatchObject({ code: 0 });
    mkdirSync(join(dir, 'none'));
    writeFileSync(join(dir, 'run.yaml'), 'version: 1\ndataset: { path: ./none }\nmodel: { base: tiny }\n');
    expect(await cli(['run', 'run.yaml', '--set', 'training.optimizer=prodigy'], env, dir)).toMatchObject({ code: 2 });
    expect(ran()).toEqual([]);
  });

  it('the trainer imports its own modules, even where Python searches its working folder first', () => {
    const { dir, ran } = strangersFolder();
    const { resources } = fixturePlan(dir, 5, null);
    const { argv, cwd, env } = trainerCommand({ python, runDir: dir, resources, packageRoot: packageRoot(), env: {} });
    // The variable is left out, as on Python 3.10, which does not know it.
    const { PYTHONSAFEPATH: _, ...older } = env;
    const [program, ...args] = argv;
    expect(() => execFileSync(program, args, { cwd, env: older, stdio: 'ignore' })).toThrow();
    expect(ran()).toEqual([]);
    // The trainer that ran was the project's own: only that one writes events.
    expect(existsSync(join(dir, 'events.jsonl'))).toBe(true);
  });
});

// A locale is made for the test, because Python treats the plain C locale as UTF-8.
const localedef = spawnSync('localedef', ['--version']).status === 0;
it.runIf(python !== '' && localedef)('the trainer finds names in UTF-8 in a terminal that is set to another', () => {
  const { dir } = strangersFolder();
  const locale = join(dir, 'en_US.ISO-8859-1');
  if (spawnSync('localedef', ['-i', 'en_US', '-f', 'ISO-8859-1', locale]).status !== 0) return;
  writeFileSync(join(dir, 'Müller 画像.png'), '');
  const { resources } = fixturePlan(dir, 5, null);
  const language = { LOCPATH: dir, LC_ALL: 'en_US.ISO-8859-1' };
  const { cwd, env } = trainerCommand({ python, runDir: dir, resources, packageRoot: packageRoot(), env: language });
  const script = 'import json, sys, os; print(os.path.exists(json.loads(sys.argv[1])))';
  const path = JSON.stringify(join(dir, 'Müller 画像.png')).replaceAll(
    /[^ -~]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  expect(execFileSync(python, ['-c', script, path], { cwd, env, encoding: 'utf8' })).toBe('True\n');
});

describe('tools', () => {
  it('start in our own folder, so that a dot in PATH reaches no program of a stranger', async () => {
    const { dir } = strangersFolder();
    writeFileSync(join(dir, 'only-here'), '#!/bin/sh\n');
    chmodSync(join(dir, 'only-here'), 0o755);
    const options = { log: join(dir, 'log'), signal: new AbortController().signal };
    const tool = { argv: ['only-here'] as const, env: { PATH: `.${delimiter}${process.env.PATH}` } };
    const before = process.cwd();
    process.chdir(dir);
    try {
      await expect(runTool(tool, options)).rejects.toMatchObject({ code: 'ENOENT' });
    } finally {
      process.chdir(before);
    }
  });

  const uv = (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'uv')));
  it.runIf(uv)("uv obeys no file of a working folder, and obeys the person's own", async () => {
    const { dir } = strangersFolder();
    const wheels = join(dir, 'no-such-wheels');
    const theirs = `no-index = true\nfind-links = [${JSON.stringify(wheels)}]\n`;
    writeFileSync(join(dir, 'uv.toml'), theirs);
    writeFileSync(join(dir, 'pyproject.toml'), `[tool.uv]\n${theirs}`);
    const run = async (env: NodeJS.ProcessEnv) => {
      const { resolve } = await chooseInstaller(env, 'python3');
      const tool = resolve('python3', 'visiontrain-is-in-no-index', {});
      return runTool(tool, { log: join(dir, 'log'), signal: new AbortController().signal });
    };
    const base = { ...process.env, HOME: join(dir, 'home'), XDG_CONFIG_HOME: '', UV_NO_INDEX: '1', UV_OFFLINE: '1' };
    const before = process.cwd();
    process.chdir(dir);
    try {
      expect((await run(base)).tail.join('\n')).not.toContain('no-such-wheels');
      mkdirSync(join(dir, 'home', '.config', 'uv'), { recursive: true });
      writeFileSync(join(dir, 'home', '.config', 'uv', 'uv.toml'), theirs);
      expect((await run(base)).tail.join('\n')).toContain('no-such-wheels');
    } finally {
      process.chdir(before);
    }
  });
});
