import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EnvironmentError } from '../../base/errors.ts';
import { lastLines } from '../../base/files/log-lines.ts';
import { packageRoot } from '../../base/package-root.ts';
import { shellWord } from '../../base/typed-path.ts';
import { askTool, type ToolAnswer } from '../hardware/ask-tool.ts';
import type { PythonEnvironment } from './check.ts';
import { isLoaderError, loaderCure } from './tools/failure.ts';
import { installEnvironment } from './tools/pip-settings.ts';

// The probe reads metadata only: importing torch would take seconds, and one broken package must not hide the others.
const PROBE = `
import importlib.metadata as m, json, sys
def version(name):
    try:
        return m.version(name)
    except m.PackageNotFoundError:
        return None
print(json.dumps({"python": ".".join(map(str, sys.version_info[:3])), "found": {n: version(n) for n in sys.argv[1:]}}))`;

/**
 * Checks the environment that VISIONTRAIN_PYTHON names. Nothing is ever installed into it.
 * @throws EnvironmentError that names everything that is missing or too old at once
 */
export async function givenEnvironment(
  python: string,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<PythonEnvironment> {
  const least = readRanges();
  const probe = await ask<Probe>({ python, env, script: PROBE, names: least.map(({ name }) => name), signal });
  const lacking = least.flatMap(({ name, version }) => {
    const found = probe.found[name] ?? null;
    if (found === null) return [`${name} is missing`];
    return isAtLeast(found, version) ? [] : [`${name} ${found} is too old, ${version} or newer is needed`];
  });
  const wanted = least.map(({ name, version }) => `"${name}>=${version}"`).join(' ');
  if (!isAtLeast(probe.python, '3.10')) lacking.unshift(`Python ${probe.python} is too old, 3.10 or newer is needed`);
  if (lacking.length > 0)
    throw new EnvironmentError(`The environment of VISIONTRAIN_PYTHON cannot train (${python}).`, {
      id: 'environment/given-python',
      details: lacking,
      nextSteps: [
        `${shellWord(python)} -m pip install ${wanted}`,
        'Or unset VISIONTRAIN_PYTHON: visiontrain setup makes its own',
      ],
    });
  return { python: absolute(python), python_version: probe.python, torch: probe.found.torch as string, kind: 'given' };
}

// An installed library may still fail to load, because it is damaged or was built for another system.
const IMPORTS = `
import importlib, json, sys
broken = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        broken[name] = f"{type(error).__name__}: {error}"
print(json.dumps(broken))`;

/**
 * Imports numpy and torch once, which takes seconds.
 * @throws EnvironmentError that names this Python and its cure
 */
export async function proveGiven(
  { python }: PythonEnvironment,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<void> {
  const names = ['numpy', 'torch'];
  const broken = await ask<Record<string, string>>({ python, env, script: IMPORTS, names, signal });
  const [first] = Object.entries(broken);
  if (first === undefined) return;
  const [name, why] = first;
  throw new EnvironmentError(`The Python of VISIONTRAIN_PYTHON cannot import ${name} (${python}).`, {
    id: 'environment/given-python',
    details: tellingLines(why),
    nextSteps: [
      ...otherLibraries(why, env),
      `${shellWord(python)} -m pip install --force-reinstall ${name}`,
      'Or unset VISIONTRAIN_PYTHON: visiontrain setup makes its own',
    ],
  });
}

/** The informative lines of an import error. numpy puts the cause below a banner and a page of advice. */
function tellingLines(why: string): readonly string[] {
  const lines = why.split('\n').map((line) => line.trim());
  const original = lines.find((line) => line.startsWith('Original error was:'));
  const reasons = lines.filter((line) => line !== '' && !/^(\w+Error:|IMPORTANT: .*)$/.test(line));
  return original === undefined ? reasons.slice(0, 3) : [original];
}

/** Advice for the case that another library is loaded instead of the needed one. */
function otherLibraries(why: string, env: NodeJS.ProcessEnv): readonly string[] {
  const cure = loaderCure([why], env);
  if (cure.length > 0 || !isLoaderError(why)) return cure;
  return ['If this Python is a script that sets LD_LIBRARY_PATH or LD_PRELOAD: take that out of it.'];
}

/**
 * The packages among `names` that the environment of VISIONTRAIN_PYTHON lacks or cannot import. The list is empty when
 * the variable is not set, because our own environment holds them all. Python is started only when `names` is not
 * empty.
 * @throws EnvironmentError when that Python does not run
 */
export async function lackingPackages(
  env: NodeJS.ProcessEnv,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const python = env.VISIONTRAIN_PYTHON;
  if (!python || names.length === 0) return [];
  const broken = await ask<Record<string, string>>({ python, env, script: IMPORTS, names, signal });
  return names.filter((name) => name in broken);
}

/** Milliseconds for a probe. Importing torch from a network disk takes a while. */
const PATIENCE_MS = 180_000;

interface Question {
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
  /** The Python program. It prints one line of JSON, whatever its imports print. */
  readonly script: string;
  readonly names: readonly string[];
  readonly signal: AbortSignal | undefined;
}

async function ask<T>({ python, env, script, names, signal }: Question): Promise<T> {
  const answer = await askTool({
    // The probe runs in our own folder like the trainer, because Python imports modules from the current folder.
    // Option -I would prevent that too, but then a script that wraps Python could not say where its packages are.
    name: absolute(python),
    args: ['-s', '-c', script, ...names],
    env: { ...installEnvironment(env), PYTHONSAFEPATH: '1' },
    patienceMs: PATIENCE_MS,
    signal,
  });
  if (answer.kind !== 'answered')
    throw new EnvironmentError(`VISIONTRAIN_PYTHON names ${python}, which does not run as Python.`, {
      id: 'environment/given-python',
      details: troubleWith(answer),
      nextSteps: [
        'Name an interpreter, e.g. VISIONTRAIN_PYTHON=/path/to/env/bin/python',
        'Or unset it: visiontrain setup makes its own',
      ],
    });
  return JSON.parse(answer.text.trim().split('\n').at(-1) ?? '') as T;
}

function troubleWith(answer: Exclude<ToolAnswer, { kind: 'answered' }>): readonly string[] {
  if (answer.kind === 'failed') return lastLines(answer.text, 3);
  return [answer.kind === 'missing' ? 'There is no such program.' : `It did not end within ${PATIENCE_MS / 1000} s.`];
}

/**
 * An interpreter that can be used in any folder: a path is made absolute, a bare name is looked up wherever it is
 * used.
 */
const absolute = (python: string): string => (python.includes('/') ? resolve(python) : python);

interface Probe {
  readonly python: string;
  readonly found: Readonly<Record<string, string | null>>;
}

function readRanges(): { name: string; version: string }[] {
  const text = readFileSync(join(packageRoot(), 'trainer', 'requirements', 'ranges.txt'), 'utf8');
  return [...text.matchAll(/^([a-z0-9_-]+)>=([0-9.]+)$/gm)].map(([, name = '', version = '']) => ({ name, version }));
}

/**
 * Whether one version is at least the other. Only release numbers are compared; a suffix (`+cpu`, `rc1`) does not
 * count.
 */
function isAtLeast(found: string, least: string): boolean {
  const numbers = (version: string) => (/^[0-9.]+/.exec(version)?.[0] ?? '').split('.').map(Number);
  const [a, b] = [numbers(found), numbers(least)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
