/** Set-up without a network: installs from a folder of wheels, and lists the wheels that such a folder needs. */
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { EnvironmentError, UsageError } from '../../../base/errors.ts';
import { shellWord } from '../../../base/typed-path.ts';
import { UV_VERSION } from '../bring/uv-files.ts';
import { buildFacts, type TorchBuild } from '../builds.ts';
import { requirementsFor } from '../requirements.ts';

/**
 * The environment for installers that may use only the wheels of a folder: indexes in the person's settings are
 * disabled.
 * @throws UsageError when the folder is not there or holds no wheel
 */
export function fromFolder(env: NodeJS.ProcessEnv, folder: string): NodeJS.ProcessEnv {
  const path = resolve(folder);
  let names: string[];
  try {
    names = readdirSync(path);
  } catch {
    throw new UsageError(`--wheels names ${path}, which is no folder that can be read.`, {
      id: 'command/wrong-value',
      nextSteps: PLAN,
    });
  }
  if (!names.some((name) => name.endsWith('.whl')))
    throw new UsageError(`There is no wheel (a file that ends in .whl) in ${path}.`, {
      id: 'command/wrong-value',
      nextSteps: PLAN,
    });
  const kept = Object.entries(env).filter(([name]) => !/^(PIP|UV)_(EXTRA_|DEFAULT_)?INDEX/u.test(name));
  return { ...Object.fromEntries(kept), PIP_NO_INDEX: '1', PIP_FIND_LINKS: path, UV_OFFLINE: '1' };
}

const PLAN = ['visiontrain setup --plan   on a machine with a network shows how to fill it'];

export interface WheelFile {
  readonly name: string;
  readonly url: string;
  readonly sha256: string | null;
}

interface PipReport {
  readonly install: readonly {
    readonly download_info: {
      readonly url: string;
      readonly archive_info?: { readonly hashes?: { readonly sha256?: string } };
    };
  }[];
}

/**
 * The files in a report of pip (`--dry-run --report -`). A login in an index's address is left out.
 * @throws EnvironmentError when the text is no such report
 */
export function reportedFiles(report: string): readonly WheelFile[] {
  try {
    const { install } = JSON.parse(report.slice(Math.max(0, report.indexOf('{')))) as PipReport;
    return install.map(({ download_info: { url, archive_info } }) => ({
      name: decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? ''),
      url: new URL(url).protocol === 'file:' ? url : `${new URL(url).origin}${new URL(url).pathname}`,
      sha256: archive_info?.hashes?.sha256 ?? null,
    }));
  } catch (error) {
    throw new EnvironmentError('pip printed no list of files.', { id: 'environment/setup', cause: error });
  }
}

/** Requirements with their markers in all locks of a build, each once, and the hashes that the locks contain. */
export const lockedPackages = (build: TorchBuild): LockedPackages => packagesIn(lockFiles(build));

interface LockedPackages {
  readonly requirements: readonly string[];
  readonly hashes: ReadonlySet<string>;
}

/** Requirements and hashes in lock files. */
export function packagesIn(files: readonly string[]): LockedPackages {
  const texts = files.map((file) => readFileSync(file, 'utf8'));
  const hashes = texts.flatMap((text) => text.match(/(?<=sha256:)[0-9a-f]{64}/gu) ?? []);
  return { requirements: [...new Set(texts.flatMap(lockedRows))], hashes: new Set(hashes) };
}

/** Requirements with their markers in a lock. */
export const lockedRows = (lock: string): readonly string[] =>
  [...lock.matchAll(/^([a-z0-9][^\\\n]*?)\s*\\?$/gimu)].map(([, row = '']) => row);

const lockFiles = (build: TorchBuild): readonly string[] => {
  const { lock, torchLock } = requirementsFor(build);
  return torchLock === undefined ? [lock] : [lock, torchLock];
};

/** Torch where no lock contains it: the CPU build, ROCm and macOS. */
export function torchApart(build: TorchBuild): { readonly requirement: string; readonly index?: string } | undefined {
  const { torch, lock, index } = buildFacts(build);
  if (lock !== undefined) return undefined;
  const requirement = build === 'native' ? `torch==${torch}` : `torch==${torch}+${build}`;
  return { requirement, ...(index === undefined ? {} : { index }) };
}

/** Platform tags of wheels for glibc up to 2.28; pip accepts only those that it is told. */
const MANYLINUX = [
  ...Array.from({ length: 12 }, (_, n) => `manylinux_2_${28 - n}`),
  ...['manylinux2014', 'manylinux2010', 'manylinux1'],
];

interface FetchFor {
  readonly python: string;
  readonly machine: string;
  /** Whether uv is needed too, since this machine's Python has no venv module. */
  readonly uv: boolean;
  /** Lock files of extras. */
  readonly extras?: readonly string[];
}

/**
 * The commands that fill a folder on another machine with a network and any Python: wheels for this machine's system
 * and its Python.
 */
export function fetchCommands(build: TorchBuild, { python, machine, uv, extras = [] }: FetchFor): readonly string[] {
  const minor = python.split('.').slice(0, 2).join('.');
  const systems = build === 'native' ? [] : MANYLINUX;
  const platforms = systems.map((system) => `--platform ${system}_${machine}`).join(' ');
  const pip = `python3 -m pip download -d wheels --only-binary :all: --no-deps --python-version ${minor}${platforms === '' ? '' : ` ${platforms}`}`;
  const apart = torchApart(build);
  return [
    ...[...lockFiles(build), ...extras].map((file) => `${pip} --require-hashes -r ${shellWord(file)}`),
    ...(apart === undefined
      ? []
      : [`${pip} '${apart.requirement}'${apart.index === undefined ? '' : ` --index-url ${apart.index}`}`]),
    ...(uv ? [`${pip} 'uv==${UV_VERSION}'`] : []),
  ];
}
