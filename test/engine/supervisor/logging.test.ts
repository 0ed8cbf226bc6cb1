import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { makeRequest } from '../../../src/engine/run-folder/requests.ts';
import { readExit } from '../../../src/engine/run-folder/run-files.ts';
import type { RunRef } from '../../../src/engine/runs/create.ts';
import { followRun } from '../../../src/engine/runs/follow.ts';
import { startRun } from '../../../src/engine/runs/start.ts';
import { loggingObservers } from '../../../src/engine/supervisor/logging-observers.ts';
import { loggingSchema } from '../../../src/spec/sections/logging.ts';
import { FixtureHome, until } from '../../helpers/fixture-run.ts';

let home: FixtureHome;
afterEach(() => home.remove());

const ends = async (run: RunRef): Promise<void> => {
  for await (const _ of followRun(run.dir, { intervalMs: 20 }));
};
const files = (run: RunRef) =>
  readdirSync(join(run.dir, 'tensorboard')).filter((name) => name.startsWith('events.out'));

it('what cannot be logged is said once, at the end too', async () => {
  home = new FixtureHome();
  const file = join(home.dir, 'file');
  writeFileSync(file, '');
  const logging = loggingSchema.parse({ prometheus: true });
  for (const isNew of [true, false]) {
    const said: string[] = [];
    const observers = loggingObservers({ logging, dir: file, onTrouble: (sentence) => said.push(sentence) });
    // Only new events are written for Prometheus at once; the others are at the end.
    for (const observer of observers) observer.take([], isNew);
    for (const observer of observers) await observer.close();
    expect(said.toSorted().map((sentence) => sentence.split(':')[0])).toEqual([
      'Nothing more is logged for Prometheus',
      'Nothing more is logged for TensorBoard',
    ]);
  }
});

describe('a run that is logged', () => {
  it('is logged further when it is stopped and resumed, and not through a link', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.05' });
    const run = home.create(60);
    const logging = loggingSchema.parse({ prometheus: true });
    writeFileSync(join(run.dir, 'beside.json'), JSON.stringify({ logging }));
    const elsewhere = join(home.dir, 'elsewhere');
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, join(run.dir, 'tensorboard'));
    await expect(startRun(run, home.env)).rejects.toThrow('tensorboard is a link');
    rmSync(join(run.dir, 'tensorboard'));
    await startRun(run, home.env);
    await until(() => existsSync(join(run.dir, 'tensorboard')) && files(run).length === 1);
    makeRequest(run.dir, 'stop');
    await ends(run);
    expect(readExit(run.dir)?.status).toBe('stopped');
    await startRun(run, home.env);
    await ends(run);
    expect(readExit(run.dir)?.status).toBe('finished');
    await until(() => readFileSync(join(run.dir, 'metrics.prom'), 'utf8').includes('visiontrain_live{run="fox"} 0'));
    expect(files(run)).toHaveLength(2);
    expect(readFileSync(join(run.dir, 'metrics.prom'), 'utf8')).toContain('visiontrain_step{run="fox"} 60');
    expect(readdirSync(elsewhere)).toEqual([]);
  });
});
