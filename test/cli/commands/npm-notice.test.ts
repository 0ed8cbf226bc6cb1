import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** A registry with an npm newer than any. */
const document = {
  name: 'npm',
  'dist-tags': { latest: '999.0.0' },
  versions: {
    '999.0.0': { name: 'npm', version: '999.0.0', dist: { tarball: 'http://x/npm.tgz', integrity: 'sha512-aa' } },
  },
};
let server: Server;
let dir: string;

let asked = false;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'vt-npm-'));
  server = createServer(async (request, response) => {
    if (request.url === '/wait') {
      // npm prints its notice only when the registry has answered before the script ends.
      for (let i = 0; i < 30 && !asked; i += 1) await sleep(100);
      await sleep(1000);
    } else asked = true;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(document));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const wait = `http://127.0.0.1:${(server.address() as AddressInfo).port}/wait`;
  writeFileSync(
    join(dir, 'package.json'),
    JSON.stringify({
      name: 'x',
      scripts: { demo: `node -e "fetch('${wait}').then((answer) => answer.text())" && echo the end of the demo` },
    }),
  );
});
afterAll(() => {
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

async function npmRun(): Promise<string> {
  const registry = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const settings = {
    userconfig: join(dir, 'none'),
    globalconfig: join(dir, 'none', 'either'),
    cache: join(dir, 'cache'),
    registry,
  };
  const npm = Object.entries(settings).map(([name, value]) => [`npm_config_${name}`, value]);
  // The environment is that of a person's shell, because npm prints no notice in CI.
  const env = { PATH: process.env.PATH, HOME: dir, ...Object.fromEntries(npm) };
  const { stdout, stderr } = await promisify(execFile)('npm', ['run', 'demo'], { cwd: dir, env });
  rmSync(join(dir, 'cache'), { recursive: true, force: true });
  return stdout + stderr;
}

it('npm says nothing below the end of a script of this repository', { timeout: 600_000 }, async () => {
  expect(await npmRun()).toMatch(/the end of the demo[\s\S]*999\.0\.0/);
  asked = false;
  copyFileSync(join(import.meta.dirname, '../../../.npmrc'), join(dir, '.npmrc'));
  expect((await npmRun()).trim().split('\n').at(-1)).toBe('the end of the demo');
});
