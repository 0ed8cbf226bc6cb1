import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import { places } from '../../../../src/base/paths.ts';
import { linkOf } from '../../../../src/engine/environment/bring/wheel-source.ts';
import { basePython, wheelSources, withBroughtUv } from '../../../../src/engine/environment/tools/bring-python.ts';
import { serveIndex } from '../../../helpers/wheels.ts';

// A script of a few lines in a real wheel stands in for uv: the tests try how it is found, fetched, checked, unpacked
// and called. The real uv was tried by hand, with a Python that it fetched.
const NAME = 'uv-0.13.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl';

let dir: string;
let path: string;
let served: string;
let index: Awaited<ReturnType<typeof serveIndex>>;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'vt-bring-'));
  path = join(dir, 'bin');
  served = join(dir, 'served');
  mkdirSync(path);
  mkdirSync(served);
  index = await serveIndex(served);
});
afterEach(() => {
  index.close();
  rmSync(dir, { recursive: true, force: true });
});

const program = (file: string, text: string) => {
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
};
const python = (folder: string, probe: Record<string, unknown>) =>
  program(
    join(folder, 'python3'),
    `echo '${JSON.stringify({ path: join(folder, 'python3'), version: '3.12.1', bits: 64, venv: true, ensurepip: true, ...probe })}'`,
  );

/** Makes a wheel of uv in the folder that the index serves. */
async function wheel(script: string): Promise<{ name: string; sha256: string; bytes: number }> {
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from('name'), 'uv-0.13.9.dist-info/METADATA');
  zip.addBuffer(Buffer.from(`#!/bin/sh\n${script}\n`), 'uv-0.13.9.data/scripts/uv');
  zip.end();
  const parts: Buffer[] = [];
  for await (const part of zip.outputStream) parts.push(part as Buffer);
  const bytes = Buffer.concat(parts);
  writeFileSync(join(served, NAME), bytes);
  return { name: NAME, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}

const env = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  PATH: path,
  HOME: dir,
  VISIONTRAIN_HOME: join(dir, 'home'),
  PIP_INDEX_URL: index.url,
  ...more,
});
const bring = (variables: NodeJS.ProcessEnv, uv?: Awaited<ReturnType<typeof wheel>>) => {
  mkdirSync(join(dir, 'home', 'envs'), { recursive: true, mode: 0o700 });
  return basePython({
    places: places(variables),
    env: variables,
    signal: new AbortController().signal,
    newest: 14,
    log: join(dir, 'log'),
    onWork: () => undefined,
    ...(uv === undefined ? {} : { uv }),
  });
};

describe('basePython', () => {
  it('fetches nothing where a Python with venv is there', async () => {
    python(path, {});
    expect((await bring(env())).base).toEqual({ path: join(path, 'python3'), version: '3.12.1' });
    expect(index.asked).toEqual([]);
  });

  it('fetches uv by its hash where the venv module is missing, once, for this user alone', async () => {
    python(path, { ensurepip: false });
    const uv = await wheel('echo "uv 0.13.9"');
    const { base, env: variables } = await bring(env(), uv);
    expect(base.path).toBe(join(path, 'python3'));
    const folder = join(dir, 'home', 'envs', 'uv-0.13.9');
    expect(variables.PATH).toBe(`${path}:${folder}`);
    expect(statSync(folder).mode & 0o077).toBe(0);
    expect(existsSync(join(folder, NAME))).toBe(false);
    const asked = index.asked.length;
    expect((await bring(env(), uv)).base).toEqual(base);
    expect(index.asked.length).toBe(asked);
  });

  it('takes uv from a folder of wheels without a network', async () => {
    python(path, { venv: false });
    const uv = await wheel('echo "uv 0.13.9"');
    const offline = env({ PIP_INDEX_URL: undefined, PIP_NO_INDEX: '1', PIP_FIND_LINKS: served });
    expect((await bring(offline, uv)).base.version).toBe('3.12.1');
    expect(index.asked).toEqual([]);
  });

  it('lets uv bring a Python where there is none, into a folder of ours', async () => {
    const brought = join(dir, 'brought');
    mkdirSync(brought);
    python(brought, { version: '3.12.9', venv: false });
    const log = join(dir, 'called');
    const uv = await wheel(
      `echo "$UV_PYTHON_INSTALL_DIR $*" >> ${log}; case "$2" in find) echo ${join(brought, 'python3')};; esac`,
    );
    expect((await bring(env(), uv)).base).toEqual({ path: join(brought, 'python3'), version: '3.12.9' });
    expect(readFileSync(log, 'utf8')).toContain(`${join(dir, 'home', 'envs', 'python')} python install --no-bin`);
  });

  it.each([
    [
      'another file under its name',
      async () => ({ ...(await wheel('echo uv')), sha256: '0'.repeat(64) }),
      'could not bring one',
    ],
    ['a uv that does not run', () => wheel('exit 1'), 'does not run here'],
    [
      'a uv that cannot fetch',
      () => wheel('case "$1" in python) echo "no route to host" >&2; exit 2;; esac'),
      'no route to host',
    ],
    ['no uv on the index', async () => ({ ...(await wheel('')), name: 'uv-9-none.whl' }), 'has uv-9-none.whl'],
  ])(
    'keeps the advice and says why: %s',
    async (_what, make, why) => {
      const uv = await make();
      await expect(bring(env(), uv)).rejects.toMatchObject({
        exitCode: 3,
        id: 'environment/no-python',
        message: expect.stringContaining('There is no Python on this machine'),
        details: expect.arrayContaining([expect.stringContaining(why)]),
        nextSteps: expect.arrayContaining([expect.stringContaining('apt install python3')]),
      });
    },
    600_000,
  );

  it('brings nothing when it may not', async () => {
    await expect(bring(env({ VISIONTRAIN_BRING_PYTHON: '0' }), await wheel('echo uv'))).rejects.toMatchObject({
      id: 'environment/no-python',
      details: [],
    });
    expect(index.asked).toEqual([]);
  });

  it('leaves a uv of the person before ours on the PATH', () =>
    expect(withBroughtUv({ PATH: '/a:/b' }, places({ VISIONTRAIN_HOME: '/h' })).PATH).toBe('/a:/b:/h/envs/uv-0.13.9'));
});

describe('sources of wheels', () => {
  it("are the person's, else PyPI", () => {
    expect(wheelSources({}, {})).toEqual({ links: [], indexes: ['https://pypi.org/simple'] });
    expect(wheelSources({ 'index-url': 'https://m/simple', 'extra-index-url': 'https://a https://b' }, {})).toEqual({
      links: [],
      indexes: ['https://m/simple', 'https://a', 'https://b'],
    });
    expect(wheelSources({ 'no-index': '1', 'find-links': '/w' }, {})).toEqual({ links: ['/w'], indexes: [] });
  });

  it('are read as JSON and as HTML, and lead nowhere but to http', () => {
    const page = 'https://m/simple/uv/';
    expect(linkOf(JSON.stringify({ files: [{ url: '../../f/x.whl#sha256=1' }] }), 'x.whl', page)).toBe(
      'https://m/f/x.whl',
    );
    expect(linkOf('<a href="/f/y.whl?a=1&amp;b=2#h">', 'y.whl', page)).toBe('https://m/f/y.whl?a=1&b=2');
    expect(linkOf('<a href="file:///etc/y.whl">', 'y.whl', page)).toBeUndefined();
    expect(linkOf('not a page', 'y.whl', page)).toBeUndefined();
    expect(linkOf('{"files": [{"url": 3}, {"url": "%zz.whl"}]}', 'y.whl', page)).toBeUndefined();
  });
});
