import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identify } from '../../../src/base/process/identity.ts';
import { judgeApart } from '../../../src/engine/judge/apart.ts';
import { holdJudging } from '../../../src/engine/judge/holder.ts';
import { readWaiting, stopWaiting } from '../../../src/engine/judge/wait.ts';
import { FixtureHome, until } from '../../helpers/fixture-run.ts';

let home: FixtureHome;
beforeEach(() => {
  home = new FixtureHome();
});
afterEach(() => home.remove());

/** Another run on the same card, which this process judges. */
function holdCard(device: string): () => void {
  const dir = join(home.runs, 'before');
  mkdirSync(dir);
  writeFileSync(join(dir, 'plan.json'), JSON.stringify({ resources: { device } }));
  const request = { steps: [], strengths: [], prompts: [], seeds: [] };
  const table = { version: 1, status: 'running', measure: 'pixels', spec_sha256: '', request, rows: [], advice: null };
  writeFileSync(join(dir, 'judge.json'), JSON.stringify({ ...table, process: identify(process.pid) }));
  return holdJudging(dir, 'judge.json');
}

describe('judging apart from the terminal', () => {
  it('is found and stopped as soon as its command is over', async () => {
    const { dir } = home.create();
    writeFileSync(join(home.dir, 'a.png'), '');
    const release = holdCard('cpu');
    await judgeApart(dir, [], home.env);
    expect(readWaiting(dir)).toBeDefined();
    await until(() => readWaiting(dir)?.behind[0] === 'before');
    expect(stopWaiting(dir)).toBe(true);
    await until(() => readWaiting(dir) === undefined);
    release();
  });

  it('says why it ended where it did not get so far', async () => {
    const { dir } = home.create();
    await expect(judgeApart(dir, ['--steps', 'x'], home.env)).rejects.toMatchObject({
      id: 'judge/failed',
      details: expect.arrayContaining([expect.stringContaining('--steps must be numbers')]),
    });
    expect(readWaiting(dir)).toBeUndefined();
  });
});
