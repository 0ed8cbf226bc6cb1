import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Floor {
  readonly fits: (version: string) => boolean;
  readonly range: string;
  readonly refusal: (version: string, args: readonly string[], clone?: string) => string;
}

const root = join(import.meta.dirname, '..');
const { fits, range, refusal } = createRequire(import.meta.url)('../bin/floor.cjs') as Floor;

describe('the Node that is needed', () => {
  it('is the one of package.json', () => {
    const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
    expect(range).toBe(engines.node);
  });

  it.each(['22.22.2', '22.23.0', '24.15.0', '24.21.3', '25.0.0', '26.10.0', '24.15.0-nightly'])(
    'can be %s',
    (version) => expect(fits(version)).toBe(true),
  );

  it.each(['10.24.1', '18.20.8', '20.20.2', '22.9.0', '22.22.1', '23.11.1', '24.14.9'])('cannot be %s', (version) =>
    expect(fits(version)).toBe(false),
  );
});

/** A folder with a preload that makes a Node believe that it is 20.20.2, unless TOO_OLD is empty. */
function oldNode(): { dir: string; preload: string; env: NodeJS.ProcessEnv } {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-node-'));
  const preload = join(dir, 'old.cjs');
  writeFileSync(
    preload,
    `if (process.env.TOO_OLD) Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });`,
  );
  return { dir, preload, env: { ...process.env, TOO_OLD: '1' } };
}

describe('on a Node that is too old', () => {
  it('the program says in one sentence what it needs, and the line that works', () => {
    const { preload, env } = oldNode();
    const bin = join(root, 'bin', 'visiontrain');
    const refused = spawnSync(process.execPath, ['-r', preload, bin, 'ps', '--all'], {
      env,
      cwd: root,
      encoding: 'utf8',
    });
    expect(refused).toMatchObject({
      status: 3,
      stdout: '',
      stderr:
        'visiontrain needs Node 24.15 or newer (or 22.22.2 and what follows it in 22); this is 20.20.2.\n' +
        '  This line brings one along:  npx -y -p node@24 node bin/visiontrain ps --all\n',
    });
  });

  it('an installed package names itself, and only words that a shell takes as they are', () => {
    const line = (args: string[]) => refusal('18.20.8', args).split('\n')[1]?.trim();
    expect(line(['run', 'a/run.yaml', '--set', 'training.rank=8'])).toBe(
      'This line brings one along:  npx -y -p node@24 -p visiontrain visiontrain run a/run.yaml --set training.rank=8',
    );
    for (const word of ['my run.yaml', "it's", '$HOME', '\u001b[2J', '`ls`', ''])
      expect(line(['run', word])).toBe('This line brings one along:  npx -y -p node@24 -p visiontrain visiontrain ...');
  });

  it('the first files can be read by Node 10: they have no later syntax', () => {
    for (const file of ['bin/visiontrain', 'bin/floor.cjs'])
      expect(readFileSync(join(root, file), 'utf8')).not.toMatch(/\?\.|\?\?|node:|\|\|=|^(?:import|export) /mu);
  });

  /** A clone with a single script, and an npm that brings a "Node 24" or fails. */
  function clone({ npm }: { readonly npm: 'brings' | 'fails' }) {
    const old = oldNode();
    const tools = join(old.dir, 'tools');
    for (const folder of ['bin', 'scripts/lib', 'tools']) mkdirSync(join(old.dir, folder), { recursive: true });
    for (const file of ['bin/floor.cjs', 'scripts/lib/node.mjs']) copyFileSync(join(root, file), join(old.dir, file));
    const script = join(old.dir, 'scripts', 'say.mjs');
    writeFileSync(
      script,
      "import './lib/node.mjs';\nimport { execFileSync } from 'node:child_process';\n" +
        "const child = execFileSync('node', ['-p', 'process.env.FETCHED'], { encoding: 'utf8' }).trim();\n" +
        'console.log(process.env.FETCHED, child, process.argv.slice(2).join());\nprocess.exitCode = 7;\n',
    );
    const fetched = `#!/bin/sh\\nTOO_OLD= FETCHED=yes exec "${process.execPath}" "$@"\\n`;
    const brings = `mkdir -p "$3/node_modules/node/bin"; printf '${fetched}' > "$3/node_modules/node/bin/node"; chmod +x "$3/node_modules/node/bin/node"; echo "$@" >> "${old.dir}/asked"`;
    writeFileSync(join(tools, 'npm'), `#!/bin/sh\n${npm === 'brings' ? brings : 'echo no network >&2; exit 1'}\n`);
    chmodSync(join(tools, 'npm'), 0o755);
    const env = { ...old.env, PATH: `${tools}${delimiter}${process.env.PATH}` };
    const run = () =>
      spawnSync(process.execPath, ['-r', old.preload, script, 'a', 'b c'], { env, cwd: old.dir, encoding: 'utf8' });
    return { run, asked: () => readFileSync(join(old.dir, 'asked'), 'utf8').trim().split('\n') };
  }

  it('a clone fetches one once, runs on with it and ends with its exit code; child processes find it on the PATH', () => {
    const { run, asked } = clone({ npm: 'brings' });
    expect(run()).toMatchObject({
      status: 7,
      stdout: 'yes yes a,b c\n',
      stderr: 'visiontrain: this is Node 20.20.2; fetching Node 24 into .cache (once)\n',
    });
    expect(run()).toMatchObject({ status: 7, stdout: 'yes yes a,b c\n', stderr: '' });
    expect(asked()).toEqual([expect.stringMatching(/^install --prefix \S+\.cache\/node .*node@24$/u)]);
  });

  it('a clone that cannot fetch one says so', () => {
    expect(clone({ npm: 'fails' }).run()).toMatchObject({
      status: 3,
      stdout: '',
      stderr: expect.stringMatching(
        /no network\nvisiontrain needs Node 24\.15 .*could not fetch one\. .*nodejs\.org\n$/u,
      ),
    });
  });
});
