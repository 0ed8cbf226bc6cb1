import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EnvironmentError } from '../../base/errors.ts';
import { lastLines } from '../../base/files/log-lines.ts';
import { packageRoot } from '../../base/package-root.ts';
import { shellWord } from '../../base/typed-path.ts';
import type { PythonEnvironment } from './check.ts';
import { loaderCure } from './failure.ts';
import { installEnvironment } from './pip-settings.ts';

// Metadata only: importing torch would take seconds, and a broken package must not keep the others from being told.
const PROBE = `
import importlib.metadata as m, json, sys
def version(name):
    try:
        return m.version(name)
    except m.PackageNotFoundError:
        return None
print(json.dumps({"python": ".".join(map(str, sys.version_info[:3])), "found": {n: version(n) for n in sys.argv[1:]}}))`;

/**
 * The environment VISIONTRAIN_PYTHON names, after a look at what it holds. Nothing is ever installed into it.
 * Throws EnvironmentError that says all that is missing or too old at once.
 */
export function givenEnvironment(python: string, env: NodeJS.ProcessEnv): PythonEnvironment {
  const least = readRanges();
  const probe = ask<Probe>({ python, env, script: PROBE, names: least.map(({ name }) => name) });
  const lacking = least.flatMap(({ name, version }) => {
    const found = probe.found[name] ?? null;
    if (found === null) return [`${name} is missing`];
    return isAtLeast(found, version) ? [] : [`${name} ${found} is too old, ${version} or newer is needed`];
  });
  const wanted = least.map(({ name, version }) => `"${name}>=${version}"`).join(' ');
  if (!isAtLeast(probe.python, '3.10')) lacking.unshift(`Python ${probe.python} is too old, 3.10 or newer is needed`);
  if (lacking.length > 0)
    throw new EnvironmentError(`The environment of VISIONTRAIN_PYTHON cannot train (${python}).`, {
      details: lacking,
      nextSteps: [
        `${shellWord(python)} -m pip install ${wanted}`,
        'Or unset VISIONTRAIN_PYTHON: visiontrain setup makes its own',
      ],
    });
  return { python: absolute(python), python_version: probe.python, torch: probe.found.torch as string, kind: 'given' };
}

// A library that is there may still not work: built for another, or damaged.
const IMPORTS = `
import importlib, json, sys
broken = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        broken[name] = f"{type(error).__name__}: {error}"
print(json.dumps(broken))`;

/** Imports numpy and torch once, which takes seconds. @throws EnvironmentError that names this Python and its cure */
export function proveGiven({ python }: PythonEnvironment, env: NodeJS.ProcessEnv): void {
  const broken = ask<Record<string, string>>({ python, env, script: IMPORTS, names: ['numpy', 'torch'] });
  const [first] = Object.entries(broken);
  if (first === undefined) return;
  const [name, why] = first;
  const lines = why.split('\n').slice(0, 3);
  throw new EnvironmentError(`The Python of VISIONTRAIN_PYTHON cannot import ${name} (${python}).`, {
    details: lines,
    nextSteps: [
      ...loaderCure([why], env),
      `${shellWord(python)} -m pip install --force-reinstall ${name}`,
      'Or unset VISIONTRAIN_PYTHON: visiontrain setup makes its own',
    ],
  });
}

/**
 * Which of some packages the environment VISIONTRAIN_PYTHON names lacks or cannot import; none when it is not set: ours
 * holds all.
 * Starts Python only when there is something to ask. Throws EnvironmentError when it does not run.
 */
export function lackingPackages(env: NodeJS.ProcessEnv, names: readonly string[]): readonly string[] {
  if (!env.VISIONTRAIN_PYTHON || names.length === 0) return [];
  const broken = ask<Record<string, string>>({ python: env.VISIONTRAIN_PYTHON, env, script: IMPORTS, names });
  return names.filter((name) => name in broken);
}

interface Question {
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
  /** Prints one line of JSON, whatever else its imports say. */
  readonly script: string;
  readonly names: readonly string[];
}

function ask<T>({ python, env, script, names }: Question): T {
  const { status, stdout, stderr, error } = spawnSync(absolute(python), ['-s', '-c', script, ...names], {
    // In our own folder, as the trainer: Python takes modules from where it stands. Not by -I, under which a script
    // that stands for Python could not say where its packages are.
    cwd: packageRoot(),
    env: { ...installEnvironment(env), PYTHONSAFEPATH: '1' },
    encoding: 'utf8',
    // torch from a network disk takes its time.
    timeout: 180_000,
  });
  if (error !== undefined || status !== 0)
    throw new EnvironmentError(`VISIONTRAIN_PYTHON names ${python}, which does not run as Python.`, {
      details: error === undefined ? lastLines(stderr, 3) : [error.message],
      nextSteps: [
        'Name an interpreter, e.g. VISIONTRAIN_PYTHON=/path/to/env/bin/python',
        'Or unset it: visiontrain setup makes its own',
      ],
    });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}

/** A path must hold in any folder; a bare name is looked up wherever it is used. */
const absolute = (python: string): string => (python.includes('/') ? resolve(python) : python);

interface Probe {
  readonly python: string;
  readonly found: Readonly<Record<string, string | null>>;
}

function readRanges(): { name: string; version: string }[] {
  const text = readFileSync(join(packageRoot(), 'trainer', 'requirements', 'ranges.txt'), 'utf8');
  return [...text.matchAll(/^([a-z0-9_-]+)>=([0-9.]+)$/gm)].map(([, name = '', version = '']) => ({ name, version }));
}

/** Compares release numbers; a suffix (`+cpu`, `rc1`) does not count. */
function isAtLeast(found: string, least: string): boolean {
  const numbers = (version: string) => (/^[0-9.]+/.exec(version)?.[0] ?? '').split('.').map(Number);
  const [a, b] = [numbers(found), numbers(least)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
