import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli } from '../../../helpers/cli.ts';
import { FixtureHome } from '../../../helpers/fixture-run.ts';

const lesson = join(import.meta.dirname, '../../../../presets/tiny/lesson-style');
let home: FixtureHome;
let images: string;
let spec: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  home = new FixtureHome({ FIXTURE_SECONDS: '0.02' });
  env = home.env;
  images = join(home.dir, 'pictures');
  mkdirSync(images);
  for (const name of ['lumo-01', 'lumo-02', 'lumo-03', 'lumo-05', 'lumo-06'])
    for (const ending of ['png', 'txt']) cpSync(join(lesson, `${name}.${ending}`), join(images, `${name}.${ending}`));
  const file = join(home.dir, 'run.yaml');
  writeFileSync(file, `version: 1\nname: fox\ndataset: {path: ./pictures}\nmodel: {base: tiny}\n`);
  expect((await cli(['run', file, '--detach', '--set', 'training.steps=100000'], env)).code).toBe(0);
  expect((await cli(['stop', 'fox'], env)).code).toBe(0);
  spec = join(home.runs, 'fox', 'run.yaml');
});

afterEach(async () => {
  await cli(['stop', 'fox', '--now'], env);
  await home.remove();
});

const resume = async () => (await cli(['resume', 'fox', '--detach'], env)).stderr;
const change = (file: string, from: RegExp, to: string) => {
  const text = readFileSync(file, 'utf8');
  expect(text).toMatch(from);
  writeFileSync(file, text.replace(from, to));
};

describe('a resume', () => {
  it('says nothing when nothing was changed', async () => {
    expect(await resume()).not.toMatch(/chang|not taken/);
  });

  it('says which changes of run.yaml, captions and pictures it does not take', async () => {
    change(spec, /learning_rate: [\d.e-]+/u, 'learning_rate: 3.0e-5');
    change(spec, /^( +)every: \d+/mu, '$1every: 77');
    writeFileSync(join(images, 'lumo-02.txt'), 'another word');
    rmSync(join(images, 'lumo-03.png'));
    const told = await resume();
    expect(told).toContain('fox goes on as it was planned.');
    expect(told).toMatch(/training\.learning_rate stays [\d.e-]+; run\.yaml now gives 0\.00003/);
    expect(told).toMatch(/samples\.every stays \d+; run\.yaml now gives 77/);
    expect(told).toContain('lumo-02.png has another caption');
    expect(told).toContain('lumo-03.png is gone');
    expect(told).toContain(`visiontrain run ${spec}`);
    expect(told).toContain('fox goes on.');
  });

  it('goes on where the changes cannot be told', async () => {
    rmSync(images, { recursive: true });
    const told = await resume();
    expect(told).toContain(`What was changed since fox was planned cannot be told: There is no folder ${images}.`);
    expect(told).toContain('fox goes on.');
  });

  it('says in words that the plan cannot be read', async () => {
    writeFileSync(join(home.runs, 'fox', 'plan.json'), '{');
    const told = await resume();
    expect(told).toMatch(/What was changed since fox was planned cannot be told: .*plan\.json is not JSON/);
    expect(told).not.toContain('hit a bug');
  });
});
