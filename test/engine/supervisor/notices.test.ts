import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import { ps } from '../../../src/base/process/identity.ts';
import { readEvents } from '../../../src/engine/events/tail.ts';
import { readExit } from '../../../src/engine/run-folder/run-files.ts';
import { followRun } from '../../../src/engine/runs/follow.ts';
import { startRun } from '../../../src/engine/runs/start.ts';
import { cli } from '../../helpers/cli.ts';
import { FixtureHome, until } from '../../helpers/fixture-run.ts';
import { WebHookServer } from '../../helpers/web-hook.ts';

let home: FixtureHome;
let server: WebHookServer;
afterEach(async () => {
  await home.remove();
  await server.close();
});

async function prepare(answers: Parameters<WebHookServer['at']>[1][]): Promise<string> {
  server = await new WebHookServer().listen();
  const secret = server.at('/api/webhooks/s3cr3t', ...answers);
  home = new FixtureHome({ HOOK: secret, EMPTY: '' });
  const { config } = places(home.env);
  mkdirSync(config, { recursive: true });
  const web = ['HOOK', 'EMPTY'].map((name) => `    - {format: json, url_env: ${name}, events: [checkpoint, finished]}`);
  writeFileSync(join(config, '.visiontrainrc.yaml'), ['notify:', '  web:', ...web, ''].join('\n'));
  return secret;
}

describe('a run with notices', () => {
  it('reports its end with nobody watching, and keeps the address secret', async () => {
    const secret = await prepare([204]);
    const run = home.create();
    await startRun(run, home.env);
    for await (const _ of followRun(run.dir, { intervalMs: 20 }));
    expect(readExit(run.dir)).toMatchObject({ status: 'finished' });
    await until(() => server.received.some(({ body }) => body.includes('"finished"')));
    const told = server.received.map(({ body }) => JSON.parse(body));
    expect(told.at(-1)).toMatchObject({ version: 1, kind: 'finished', run: 'fox', step: 5, steps: 5 });
    const events = [...readEvents(run.dir)].flat();
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
    // The address is in no file of the run, nor anywhere else below the home.
    expect(spawnSync('grep', ['-rl', new URL(secret).pathname, home.dir], { encoding: 'utf8' }).stdout).toBe('');
    await until(() => readFileSync(join(run.dir, 'supervisor.log'), 'utf8').includes('EMPTY'));
  });

  it('is not held up by a server that hangs, and can be resumed meanwhile', async () => {
    await prepare(['hang']);
    const run = home.create();
    await startRun(run, home.env);
    for await (const _ of followRun(run.dir, { intervalMs: 20 }));
    expect(readExit(run.dir)).toMatchObject({ status: 'finished' });
    await until(() => server.received.length > 0);
    // The first supervisor still waits for its server, and blocks no new start of the run.
    await startRun(run, { ...home.env, VISIONTRAIN_NOTIFY: 'off' });
    for await (const _ of followRun(run.dir, { intervalMs: 20 }));
    expect(readExit(run.dir)).toMatchObject({ status: 'finished' });
    await server.close();
    await until(() => !ps(['-A', '-o', 'args=']).includes(`supervisor.js ${run.dir}`));
  });
});

describe('visiontrain notify', () => {
  it('shows the channels, tries them, and names those that do not work', async () => {
    await prepare([204]);
    const shown = await cli(['notify', '--json'], home.env);
    expect(JSON.parse(shown.stdout).targets).toMatchObject([
      { name: 'json (HOOK)', problem: null, told: null },
      { name: 'json (EMPTY)', problem: 'the variable EMPTY is empty' },
    ]);
    const tried = await cli(['notify', '--test'], home.env);
    expect(tried.code).toBe(3);
    expect(tried.stdout).toMatch(/json \(HOOK\) +told/);
    expect(tried.stderr).toContain('json (EMPTY) could not be told');
    expect(`${tried.stdout}${tried.stderr}`).not.toContain('s3cr3t');
    const sick = await cli(['doctor', '--json'], { ...home.env, HF_HUB_OFFLINE: '1' });
    expect(JSON.parse(sick.stdout).findings).toContainEqual(
      expect.objectContaining({ id: 'notices', verdict: 'warn', text: 'json (EMPTY): the variable EMPTY is empty' }),
    );
    const quiet = await cli(['notify', '--json'], { ...home.env, VISIONTRAIN_NOTIFY: 'off' });
    expect(JSON.parse(quiet.stdout)).toMatchObject({ bell: false, targets: [] });
  });
});
