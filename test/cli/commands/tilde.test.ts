import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { cli } from '../../helpers/cli.ts';
import { png } from '../../helpers/images.ts';

let dir: string;
let home: string;
let env: NodeJS.ProcessEnv;
const run = (args: readonly string[], more: NodeJS.ProcessEnv = {}) =>
  cli(args, { ...env, ...more }, join(dir, 'here'));
const spec = (path: string, base = 'tiny') =>
  writeFileSync(join(dir, 'here', 'run.yaml'), `version: 1\ndataset:\n  path: ${path}\nmodel:\n  base: ${base}\n`);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-tilde-'));
  home = join(dir, 'h');
  for (const folder of ['here', 'h/pics', 'h/my pics']) mkdirSync(join(dir, folder), { recursive: true });
  for (const folder of ['pics', 'my pics'])
    for (const n of [1, 2]) writeFileSync(join(home, folder, `${n}.png`), png(64 + n, 64, n));
  env = { ...process.env, HOME: home, VISIONTRAIN_HOME: join(dir, 'vt') };
});

describe('a path with ~ where no shell has seen it', () => {
  it.each([
    ['in run.yaml', '~/pics', []],
    ['in quotes in run.yaml', '\'"~/my pics" \'', []],
    ['after --set', './none', ['--set', 'dataset.path=~/pics']],
    ['as $HOME', '$HOME/pics', []],
    ['with escapes of a shell', './none', ['--set', 'dataset.path=$HOME/my\\ pics']],
  ])('means the home %s', async (_where, path, args) => {
    spec(path);
    const { code, stdout } = await run(['run', 'run.yaml', '--dry-run', ...args]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`path: ['"]?${home}/(my )?pics`));
  });

  it('makes no folder of that name, by flag, variable or settings file', async () => {
    for (const args of [['--workspace=~/runs'], ['--workspace', "'~/runs'"]])
      expect((await run(['config', '--json', ...args])).stdout).toContain(`"runs": "${home}/runs"`);
    expect((await run(['config', '--json'], { VISIONTRAIN_WORKSPACE: '~/runs2' })).stdout).toContain(`${home}/runs2`);
    writeFileSync(join(dir, 'here', '.visiontrainrc.yaml'), 'workspace: ~/runs3\n');
    expect((await run(['config', '--json'])).stdout).toContain(`"runs": "${home}/runs3"`);
    await run(['dataset', 'check', '~/pics'], { VISIONTRAIN_HOME: '~/vt' });
    const sha256 = '0'.repeat(64);
    const pull = ['models', 'pull', 'http://127.0.0.1:9/a.bin', '--sha256', sha256, '-o', '~/new/'];
    expect((await run(pull, { VISIONTRAIN_DOWNLOAD_TRIES: '1', VISIONTRAIN_BACK_OFF: '0' })).code).toBe(4);
    expect([existsSync(join(home, 'vt')), existsSync(join(home, 'new'))]).toEqual([true, true]);
    expect(readdirSync(join(dir, 'here'))).toEqual(['.visiontrainrc.yaml']);
  });

  it('finds data sets and Pythons', async () => {
    expect(await run(['dataset', 'check', '~/my pics'])).toMatchObject({ code: 0 });
    const { stderr } = await run(['setup'], { VISIONTRAIN_PYTHON: '~/none/python' });
    expect(stderr).toContain(`${home}/none/python`);
  });
});

it('a path of Windows is answered with its place in WSL2, and with its line', async () => {
  spec("'C:\\Users\\me\\toy'", "'D:\\models\\x.safetensors'");
  const { code, stderr } = await run(['run', 'run.yaml', '--dry-run']);
  expect(code).toBe(2);
  expect(stderr).toContain('run.yaml:3:9');
  for (const path of ['/mnt/c/Users/me/toy', '/mnt/d/models/x.safetensors']) expect(stderr).toContain(path);
});
