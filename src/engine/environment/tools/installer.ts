/**
 * Command lines of the two programs that can fill an environment, uv and pip. uv is preferred when it is installed.
 */
import { join } from 'node:path';
import { askTool } from '../../hardware/ask-tool.ts';
import { installEnvironment, type PipSettings, parsePipConfig, uvEnvironment } from './pip-settings.ts';
import type { ToolRun } from './tool.ts';

export interface Installer {
  readonly name: 'pip' | 'uv';
  /** Makes an empty environment in `dir`. */
  makeVenv(dir: string, python: string): ToolRun;
  /** Installs everything in a lock file, with hashes checked and nothing built from source. */
  installLock(python: string, lock: string): ToolRun;
  /** Installs a lock file into a separate folder, for a Python whose own packages must not change. */
  installBeside(python: string, lock: string, folder: string): ToolRun;
  /** Exits with 0 when a requirement can be satisfied. `brought` reads from its output what would be installed. */
  resolve(python: string, requirement: string, source: PackageSource): ToolRun;
  /** Names and versions in the output of `resolve`: of the requirement and of its dependencies. */
  brought(stdout: string): readonly string[];
  install(python: string, requirement: string, source: PackageSource): ToolRun;
}

export interface PackageSource {
  /** An index that is used instead of the person's. */
  readonly index?: string;
  /** File with the versions of the requirement's dependencies. Without it no dependencies are installed. */
  readonly constraints?: string;
}

export const venvPython = (dir: string): string => join(dir, 'bin', 'python');

export const hasUv = async (env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<boolean> =>
  (await askTool({ name: 'uv', args: ['--version'], env, patienceMs: 10_000, signal })).kind === 'answered';

/**
 * uv when it runs, else pip. `python` is the interpreter that the environment is for; its pip knows the person's
 * settings.
 */
export const chooseInstaller = async (
  env: NodeJS.ProcessEnv,
  python: string,
  signal?: AbortSignal,
): Promise<Installer> => ((await hasUv(env, signal)) ? uvInstaller(env, python, signal) : pipInstaller(env));

/** pip can also list everything that would be installed, from metadata alone; its report has file names and hashes. */
export interface PipInstaller extends Installer {
  resolveList(python: string, list: string): ToolRun;
}

export function pipInstaller(outer: NodeJS.ProcessEnv): PipInstaller {
  const env = installEnvironment(outer);
  const pip = (python: string, ...args: string[]): ToolRun => ({
    argv: [python, '-I', '-m', 'pip', '--disable-pip-version-check', '--no-input', ...args],
    env,
  });
  const wheels = ['--only-binary', ':all:', '--progress-bar', 'off'];
  const from = ({ index, constraints }: PackageSource): string[] => [
    ...(index === undefined ? [] : ['--index-url', index]),
    ...(constraints === undefined ? ['--no-deps'] : ['--constraint', constraints]),
  ];
  return {
    name: 'pip',
    makeVenv: (dir, python) => ({ argv: [python, '-I', '-m', 'venv', '--clear', dir], env }),
    installLock: (python, lock) => pip(python, 'install', ...wheels, '--no-deps', '--require-hashes', '-r', lock),
    installBeside: (python, lock, folder) =>
      pip(python, 'install', ...wheels, '--no-deps', '--require-hashes', '--target', folder, '-r', lock),
    resolve: (python, requirement, source) =>
      pip(
        python,
        ...['install', '--dry-run', '--quiet', '--ignore-installed', '--report', '-', '--only-binary', ':all:'],
        // This option reads metadata by range requests where a mirror does not offer it separately, so that gigabytes
        // need not be fetched for it.
        ...(source.index === undefined ? ['--use-feature=fast-deps'] : []),
        ...[...from(source), requirement],
      ),
    resolveList: (python, list) =>
      pip(
        python,
        ...['install', '--dry-run', '--quiet', '--ignore-installed', '--report', '-', '--only-binary', ':all:'],
        ...['--use-feature=fast-deps', '--no-deps', '-r', list],
      ),
    brought(stdout) {
      const report = JSON.parse(stdout.slice(Math.max(0, stdout.indexOf('{')))) as PipReport;
      return report.install.flatMap(({ metadata }) => [
        `${metadata.name}==${metadata.version}`,
        ...(metadata.requires_dist ?? []),
      ]);
    },
    install: (python, requirement, source) => pip(python, 'install', ...wheels, ...from(source), requirement),
  };
}

interface PipReport {
  readonly install: readonly { metadata: { name: string; version: string; requires_dist?: readonly string[] } }[];
}

/**
 * The person's pip settings. pip reads its own configuration files; when this Python has no pip, only its environment
 * variables are read.
 */
export async function pipSettings(
  clean: NodeJS.ProcessEnv,
  python: string,
  signal?: AbortSignal,
): Promise<PipSettings> {
  const listed = await askTool({
    name: python,
    args: ['-I', '-m', 'pip', 'config', 'list'],
    env: clean,
    patienceMs: 30_000,
    signal,
  });
  const settings = listed.kind === 'answered' ? listed.text : '';
  const variables = Object.entries(clean).flatMap(([name, value]) =>
    name.startsWith('PIP_') ? [`:env:.${name.slice(4).toLowerCase()}='${value}'`] : [],
  );
  return parsePipConfig([settings, ...variables].join('\n'));
}

async function uvInstaller(outer: NodeJS.ProcessEnv, python: string, signal?: AbortSignal): Promise<Installer> {
  const clean = installEnvironment(outer);
  const settings = await pipSettings(clean, python, signal);
  const env = uvEnvironment(settings, clean);
  const from = ({ index, constraints }: PackageSource): string[] => [
    ...(index === undefined ? [] : ['--default-index', index]),
    ...(constraints === undefined ? ['--no-deps'] : ['--constraint', constraints]),
  ];
  const install = (target: string, ...args: string[]): ToolRun => ({
    argv: ['uv', 'pip', 'install', '--python', target, '--only-binary', ':all:', '--compile-bytecode', ...args],
    env,
  });
  return {
    name: 'uv',
    makeVenv: (dir, base) => ({ argv: ['uv', 'venv', '--python', base, '--clear', '--no-project', dir], env }),
    installLock: (target, lock) => install(target, '--no-deps', '--require-hashes', '-r', lock),
    installBeside: (target, lock, folder) =>
      install(target, '--no-deps', '--require-hashes', '--target', folder, '-r', lock),
    resolve: (target, requirement, { index }) => ({
      argv: [
        ...(['uv', 'pip', 'compile', '-', '--python', target, '--only-binary', ':all:'] as const),
        ...['--quiet', '--no-header', '--no-annotate', ...(index === undefined ? [] : ['--default-index', index])],
      ],
      env,
      input: `${requirement}\n`,
    }),
    brought: (stdout) => stdout.split('\n').filter((line) => line !== ''),
    install: (target, requirement, source) => install(target, ...from(source), requirement),
  };
}
