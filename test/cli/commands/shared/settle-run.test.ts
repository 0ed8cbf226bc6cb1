import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { places } from '../../../../src/base/paths.ts';
import { settleRun } from '../../../../src/cli/commands/shared/settle-run.ts';
import { cli } from '../../../helpers/cli.ts';
import { FixtureHome } from '../../../helpers/fixture-run.ts';

let home: FixtureHome;
let dir: string;

beforeEach(() => {
  home = new FixtureHome();
  dir = home.create().dir;
});
afterEach(() => home.remove());

const settle = (options: Readonly<Record<string, unknown>> = {}) =>
  settleRun(dir, options, { places: places(home.env), env: home.env });
const keep = (name: string, value: unknown) => writeFileSync(join(dir, name), JSON.stringify(value));

it('nobody is asked about a run that sends nothing and runs no command', () => {
  expect(() => settle()).not.toThrow();
  keep('captions.json', { pending: [] });
  keep('beside.json', { logging: { trackers: [{ to: 'trackio', project: 'foxes' }] } });
  expect(() => settle()).not.toThrow();
});

it('resume and queue add refuse the Space of a copied run with the words of run, until it is allowed', async () => {
  keep('beside.json', { logging: { trackers: [{ to: 'trackio', project: 'foxes', space: 'them/foxes' }] } });
  for (const words of [
    ['resume', 'fox', '--detach'],
    ['queue', 'add', 'fox'],
  ]) {
    const { code, stderr } = await cli(words, home.env);
    expect(code).toBe(2);
    expect(stderr).toContain('would be sent to the Space them/foxes');
    expect(stderr).toContain('--send-pictures');
  }
  settle({ sendPictures: true });
  expect(() => settle()).not.toThrow();
});

it('the server of captions is asked about while captions are to be written, and not once they exist', () => {
  const captions = { write: 'endpoint', endpoint: 'https://them.example/v1', endpoint_model: 'seer' };
  const dataset = { path: home.dir, goal: 'style' };
  keep('run.yaml', { version: 1, name: 'fox', dataset, model: { base: 'tiny' }, captions });
  keep('captions.json', { pending: [] });
  expect(() => settle()).not.toThrow();
  keep('captions.json', { pending: ['a'.repeat(64)] });
  expect(() => settle()).toThrow('would be sent to https://them.example');
  settle({ sendPictures: true });
  expect(() => settle()).not.toThrow();
});

it('hooks of a copied run are refused, and --send-pictures does not allow them', () => {
  keep('beside.json', { hooks: { on_start: [{ run: 'echo hello' }] } });
  expect(() => settle({ sendPictures: true })).toThrow('This run has hooks');
  settle({ allowHooks: true });
  expect(() => settle()).not.toThrow();
});
