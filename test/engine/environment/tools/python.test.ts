import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { givenEnvironment, lackingPackages, proveGiven } from '../../../../src/engine/environment/given.ts';
import { installFailure } from '../../../../src/engine/environment/tools/failure.ts';
import {
  installEnvironment,
  parsePipConfig,
  uvEnvironment,
} from '../../../../src/engine/environment/tools/pip-settings.ts';
import { findPython } from '../../../../src/engine/environment/tools/python.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vt-python-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const script = (name: string, text: string): string => {
  const path = join(dir, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
};
const saying = (name: string, probe: Record<string, unknown>) =>
  script(name, `echo '${JSON.stringify({ path: join(dir, name), bits: 64, venv: true, ensurepip: true, ...probe })}'`);
const find = (needsVenv = true) => findPython({ PATH: dir }, { needsVenv });

describe('findPython', () => {
  it('finds the Python of this machine', async () => {
    expect((await findPython(process.env, { needsVenv: true })).version).toMatch(/^3\.1\d\.\d+$/);
  });

  it('goes on past names that do not run or do not fit', async () => {
    script('python3', 'echo "pyenv: python3: command not found"; exit 127');
    script('python3.13', 'echo "not what was asked"');
    saying('python3.12', { version: '3.12.1', ensurepip: false });
    saying('python3.11', { version: '3.11.2' });
    expect(await find()).toEqual({ path: join(dir, 'python3.11'), version: '3.11.2' });
    expect((await find(false)).version).toBe('3.12.1');
  });

  it.each([
    ['none', () => undefined, /There is no Python/],
    ['too old', () => saying('python3', { version: '3.9.18' }), /3\.10 to 3\.14; this machine has 3\.9\.18\./],
    ['32 bit', () => saying('python3', { version: '3.12.0', bits: 32 }), /this machine has 3\.12\.0 \(32 bit\)/],
    ['without venv', () => saying('python3', { version: '3.11.2', ensurepip: false }), /its venv module is missing/],
  ])('has a sentence for %s', async (_case, prepare, sentence) => {
    prepare();
    await expect(find()).rejects.toThrow(sentence);
    await expect(find()).rejects.toThrow(
      expect.objectContaining({
        exitCode: 3,
        nextSteps: expect.arrayContaining([expect.stringContaining('apt install')]),
      }),
    );
  });
});

describe('givenEnvironment', () => {
  const withPackages = (packages: Record<string, string>): string => {
    for (const [name, version] of Object.entries(packages)) {
      const info = join(dir, 'site', `${name}-${version}.dist-info`);
      mkdirSync(info, { recursive: true });
      writeFileSync(join(info, 'METADATA'), `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`);
    }
    return script('python', `PYTHONPATH='${join(dir, 'site')}' exec python3 -S "$@"`);
  };
  const all = {
    diffusers: '0.42.1',
    transformers: '5.0.0',
    tokenizers: '0.22.0',
    accelerate: '1.15.0',
    safetensors: '0.8.0',
    pillow: '13.0.0',
    numpy: '2.4.6',
  };

  it('accepts one that holds all, by its metadata alone', async () => {
    const python = withPackages({ ...all, torch: '2.13.0+cpu' });
    expect(await givenEnvironment(python, process.env)).toMatchObject({ python, torch: '2.13.0+cpu', kind: 'given' });
  });

  it('names everything that is missing or too old at once', async () => {
    const python = withPackages({ ...all, torch: '2.5.1', numpy: '1.9.0' });
    rmSync(join(dir, 'site', 'pillow-13.0.0.dist-info'), { recursive: true });
    await expect(givenEnvironment(python, process.env)).rejects.toThrow(
      expect.objectContaining({
        exitCode: 3,
        details: [
          'torch 2.5.1 is too old, 2.6 or newer is needed',
          'pillow is missing',
          'numpy 1.9.0 is too old, 1.24 or newer is needed',
        ],
      }),
    );
  });

  it('imports numpy and torch once at set-up, and names this Python in the cure', async () => {
    const python = withPackages({ ...all, torch: '2.13.0', numpy: '2.4.0' });
    const given = await givenEnvironment(python, process.env);
    writeFileSync(join(dir, 'site', 'numpy.py'), '');
    writeFileSync(join(dir, 'site', 'torch.py'), '');
    await proveGiven(given, process.env);
    const words = "libc10.so: version `GLIBCXX_3.4.21' not found";
    writeFileSync(join(dir, 'site', 'torch.py'), `raise ImportError(${JSON.stringify(words)})`);
    const prove = (env: NodeJS.ProcessEnv) => expect(proveGiven(given, { ...process.env, ...env })).rejects;
    await prove({ LD_LIBRARY_PATH: undefined, LD_PRELOAD: undefined }).toThrow(
      expect.objectContaining({
        exitCode: 3,
        message: `The Python of VISIONTRAIN_PYTHON cannot import torch (${python}).`,
        details: [`ImportError: ${words}`],
        nextSteps: [
          'If this Python is a script that sets LD_LIBRARY_PATH or LD_PRELOAD: take that out of it.',
          `${python} -m pip install --force-reinstall torch`,
          expect.stringContaining('unset'),
        ],
      }),
    );
    await prove({ LD_LIBRARY_PATH: '/opt/none', LD_PRELOAD: undefined }).toThrow(
      expect.objectContaining({
        nextSteps: expect.arrayContaining(['  env -u LD_LIBRARY_PATH visiontrain setup']),
      }),
    );
    // numpy raises this error.
    const page = `\n\nIMPORTANT: PLEASE READ THIS FOR ADVICE ON HOW TO SOLVE THIS ISSUE!\n\nAdvice.\n\nOriginal error was: ${words}\n`;
    writeFileSync(join(dir, 'site', 'numpy.py'), `raise ImportError(${JSON.stringify(page)})`);
    await prove({}).toThrow(expect.objectContaining({ details: [`Original error was: ${words}`] }));
  });

  it('names the optional packages that are missing, and starts no Python when none is wanted', async () => {
    const python = withPackages({ ...all, bitsandbytes: '0.45.0' });
    const env = { ...process.env, VISIONTRAIN_PYTHON: python };
    const library = join(dir, 'site', 'bitsandbytes.py');
    // A library that cannot be imported counts as missing.
    writeFileSync(library, 'raise RuntimeError("CUDA Setup failed")');
    expect(await lackingPackages(env, ['bitsandbytes', 'prodigyopt'])).toEqual(['bitsandbytes', 'prodigyopt']);
    writeFileSync(library, 'print("hello")');
    expect(await lackingPackages(env, ['bitsandbytes', 'prodigyopt'])).toEqual(['prodigyopt']);
    expect(await lackingPackages({ ...env, VISIONTRAIN_PYTHON: undefined }, ['prodigyopt'])).toEqual([]);
    expect(await lackingPackages({ ...env, VISIONTRAIN_PYTHON: '/nowhere/python' }, [])).toEqual([]);
    await expect(lackingPackages({ ...env, VISIONTRAIN_PYTHON: '/nowhere/python' }, ['prodigyopt'])).rejects.toThrow(
      /does not run as Python/,
    );
  });

  it.each(['/nowhere/python', '/bin/false'])('says that %s does not run', async (python) => {
    await expect(givenEnvironment(python, process.env)).rejects.toThrow(/does not run as Python/);
  });
});

describe("the person's pip settings", () => {
  const config = [
    "global.index-url='https://mirror.example/simple'",
    "global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'",
    "global.cert='/etc/ca.pem'",
    "install.find-links='/wheels'",
    ":env:.find-links='/srv/wheels /more/wheels'",
    ":env:.trusted-host='mirror.example'",
    "freeze.timeout='10'",
    'nonsense',
  ].join('\n');

  it('are read in the order in which pip ranks them', () => {
    expect(parsePipConfig(config)).toEqual({
      'index-url': 'https://mirror.example/simple',
      'extra-index-url': 'https://a.example/simple https://b.example/simple',
      cert: '/etc/ca.pem',
      'find-links': '/srv/wheels /more/wheels',
      'trusted-host': 'mirror.example',
    });
  });

  it('are handed to uv, whose own settings come first', () => {
    expect(uvEnvironment(parsePipConfig(config), { HOME: '/h', UV_INDEX: 'mine', UV_INDEX_URL: 'mine too' })).toEqual({
      HOME: '/h',
      UV_INDEX: 'mine',
      UV_INDEX_URL: 'mine too',
      UV_FIND_LINKS: '/srv/wheels,/more/wheels',
      UV_INSECURE_HOST: 'mirror.example',
      UV_INDEX_STRATEGY: 'unsafe-best-match',
      UV_NO_CONFIG: '1',
      SSL_CERT_FILE: '/etc/ca.pem',
    });
  });

  it('keep package sources and lose settings that would install elsewhere', () => {
    const kept = installEnvironment({
      PIP_INDEX_URL: 'u',
      PIP_CERT: 'c',
      PIP_TARGET: 't',
      PIP_PREFIX: 'p',
      PYTHONHOME: 'h',
      VIRTUAL_ENV: 'v',
    });
    expect(kept).toMatchObject({ PIP_INDEX_URL: 'u', PIP_CERT: 'c', PIP_USER: '0' });
    for (const name of ['PIP_TARGET', 'PIP_PREFIX', 'PYTHONHOME', 'VIRTUAL_ENV']) expect(kept).not.toHaveProperty(name);
  });
});

describe('installFailure', () => {
  it.each([
    ["OSError: [Errno 28] No space left on device: '/tmp/x'", 'The disk is full.'],
    ['ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed', 'certificate'],
    ['error: Failed to fetch: `https://x`\n  Caused by: dns error: failed to lookup address', 'cannot be reached'],
    ['ERROR: HTTP error 403 Client Error: Forbidden for url', 'refuses'],
    ["PermissionError: [Errno 13] Permission denied: '/x'", 'cannot be written to'],
    ['ERROR: No matching distribution found for numpy==2.4.6', 'lacks a version'],
    ['ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.', 'SHA-256 differs'],
    ['something else', 'Installing failed.'],
  ])('%s', (line, message) => {
    const error = installFailure('Installing', line.split('\n'), '/log');
    expect(error.message).toContain(message);
    expect(error.exitCode).toBe(3);
    expect(error.nextSteps.length).toBeGreaterThan(0);
  });
});
