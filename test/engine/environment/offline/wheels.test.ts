import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EXTRAS } from '../../../../src/engine/environment/extras.ts';
import { missingWheels, refuseMissingWheels } from '../../../../src/engine/environment/offline/extra-wheels.ts';
import {
  fetchCommands,
  fromFolder,
  lockedPackages,
  reportedFiles,
} from '../../../../src/engine/environment/offline/wheels.ts';
import { requirementsFor } from '../../../../src/engine/environment/requirements.ts';

it('uses only the wheels of a folder, and says what is wrong with the folder', () => {
  const dir = mkdtempSync(join(tmpdir(), 'vt-wheels-'));
  try {
    expect(() => fromFolder({}, join(dir, 'none'))).toThrow(expect.objectContaining({ exitCode: 2 }));
    mkdirSync(join(dir, 'w'));
    expect(() => fromFolder({}, join(dir, 'w'))).toThrow(/no wheel/u);
    writeFileSync(join(dir, 'w', 'a-1-py3-none-any.whl'), '');
    const env = fromFolder(
      {
        PATH: '/bin',
        PIP_INDEX_URL: 'x',
        PIP_EXTRA_INDEX_URL: 'y',
        UV_DEFAULT_INDEX: 'z',
        UV_INDEX: 'z',
        PIP_CERT: 'c',
      },
      join(dir, 'w'),
    );
    expect(env).toEqual({
      PATH: '/bin',
      PIP_CERT: 'c',
      PIP_NO_INDEX: '1',
      PIP_FIND_LINKS: join(dir, 'w'),
      UV_OFFLINE: '1',
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

it('plans each package of the locks once, with its marker', () => {
  const { requirements, hashes } = lockedPackages('cu126');
  expect(new Set(requirements).size).toBe(requirements.length);
  expect(requirements).toEqual(
    expect.arrayContaining(['torch==2.7.1', "diffusers==0.42.1 ; python_full_version >= '3.11'"]),
  );
  expect(requirements.filter((row) => /\\|hash/u.test(row))).toEqual([]);
  const { lock, torchLock = '' } = requirementsFor('cu126');
  for (const file of [lock, torchLock])
    for (const hash of readFileSync(file, 'utf8').match(/[0-9a-f]{64}/gu) ?? []) expect(hashes.has(hash)).toBe(true);
});

it('reads names, addresses without logins and hashes from the report of pip', () => {
  const report = (url: string, sha256?: string) => ({
    download_info: { url, archive_info: sha256 === undefined ? {} : { hashes: { sha256 } } },
  });
  const text = `WARNING: x\n${JSON.stringify({ install: [report('https://u:p@index.example/f/torch-2.13.0%2Bcpu-cp311.whl?sig=1', 'ab'), report('file:///srv/wheels/a-1.whl')] })}`;
  expect(reportedFiles(text)).toEqual([
    { name: 'torch-2.13.0+cpu-cp311.whl', url: 'https://index.example/f/torch-2.13.0%2Bcpu-cp311.whl', sha256: 'ab' },
    { name: 'a-1.whl', url: 'file:///srv/wheels/a-1.whl', sha256: null },
  ]);
  expect(() => reportedFiles('nothing')).toThrow(/no list of files/u);
});

it('names a command for each lock, and one for a torch that has no lock', () => {
  const commands = fetchCommands('cu128', { python: '3.12.3', machine: 'x86_64', uv: true });
  expect(commands).toHaveLength(3);
  expect(commands[2]).toMatch(/ 'uv==\d+\.\d+\.\d+'$/u);
  for (const command of commands.slice(0, 2))
    expect(command).toMatch(
      /^python3 -m pip download -d wheels .*--python-version 3\.12 .*--platform manylinux_2_28_x86_64 .*--require-hashes -r \S+\.lock$/u,
    );
  const [, torch = ''] = fetchCommands('rocm7.2', { python: '3.12.3', machine: 'x86_64', uv: false });
  expect(torch).toMatch(/'torch==2\.13\.0\+rocm7\.2' --index-url https:\/\/download\.pytorch\.org\/whl\/rocm7\.2$/u);
  const extra = fetchCommands('cpu', { python: '3.12.3', machine: 'x86_64', uv: false, extras: ['/p/heif.lock'] });
  expect(extra.filter((command) => command.endsWith('--require-hashes -r /p/heif.lock'))).toHaveLength(1);
  expect(fetchCommands('native', { python: '3.12.3', machine: 'arm64', uv: false }).join()).not.toContain('--platform');
});

/** Version of a package in the lock of an extra; the lock is made anew from time to time. */
const versionIn = (extra: string, name: string): string => {
  const lock = readFileSync(new URL(`../../../../trainer/requirements/${extra}.lock`, import.meta.url), 'utf8');
  return new RegExp(`^${name}==(\\S+)`, 'm').exec(lock)?.[1] ?? '';
};

it('knows which wheels of an extra a folder lacks, for the Python and the system that they are for', () => {
  const linux = { python: '3.12.3', system: 'linux', machine: 'x86_64' };
  const heif = `pillow_heif-${versionIn('heif', 'pillow-heif')}`;
  const lacks = (names: string[], target = linux) => missingWheels(EXTRAS.heif, names, target);
  expect(lacks([])).toEqual([`pillow-heif==${versionIn('heif', 'pillow-heif')}`]);
  expect(lacks([`${heif}-cp312-cp312-manylinux_2_28_x86_64.whl`])).toEqual([]);
  expect(lacks([`${heif}-cp39-abi3-manylinux_2_28_x86_64.whl`])).toEqual([]);
  expect(lacks([`${heif}-py3-none-any.whl`])).toEqual([]);
  // Another Python, another version, a source archive and a name that only begins so are none.
  for (const name of [
    `${heif}-cp311-cp311-manylinux_2_28_x86_64.whl`,
    'pillow_heif-0.1-cp312-cp312-manylinux_2_28_x86_64.whl',
    `${heif}.tar.gz`,
    `${heif.replace('heif', 'heif_more')}-py3-none-any.whl`,
  ])
    expect(lacks([name])).toHaveLength(1);
  const packages = (target: typeof linux) =>
    missingWheels(EXTRAS.captions, [], target).map((row) => row.split('==')[0]);
  // The markers of the lock: what only an older Python needs, or only Windows, is not missed.
  expect(packages(linux)).toContain('onnxruntime');
  expect(packages(linux)).not.toContain('pyreadline3');
  expect(packages(linux)).not.toContain('coloredlogs');
  expect(packages({ ...linux, python: '3.10.9' })).toContain('coloredlogs');
  expect(packages({ ...linux, python: '3.10.9' })).not.toContain('pyreadline3');
  const greenlet = (target: Partial<typeof linux>) =>
    missingWheels(EXTRAS.optuna, [], { ...linux, ...target }).some((row) => row.startsWith('greenlet'));
  expect([greenlet({ python: '3.10.9' }), greenlet({}), greenlet({ machine: 'aarch64' })]).toEqual([
    true,
    false,
    false,
  ]);
});

it('names what is missing before anything is made, and how to get it', () => {
  const dir = mkdtempSync(join(tmpdir(), 'vt-wheels-'));
  try {
    const target = { python: '3.12.3', system: 'linux', machine: 'x86_64' };
    const version = versionIn('heif', 'pillow-heif');
    const refuse = () => refuseMissingWheels([EXTRAS.heif], dir, target);
    expect(refuse).toThrow(
      expect.objectContaining({ exitCode: 2, id: 'environment/wheels-missing', details: [`pillow-heif==${version}`] }),
    );
    expect(refuse).toThrow(`${dir} lacks 1 wheel for --heif.`);
    writeFileSync(join(dir, `pillow_heif-${version}-py3-none-any.whl`), '');
    expect(refuse).not.toThrow();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
