/** A search: real Optuna chooses the settings of runs, which a stand-in trains and judges. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import { addSearch } from '../../../src/cli/commands/queue/search.ts';
import { processOutput } from '../../../src/cli/shell/output.ts';
import { EXTRAS, ensureExtra } from '../../../src/engine/environment/extras.ts';
import { givenEnvironment } from '../../../src/engine/environment/given.ts';
import { enqueue, queueEntries } from '../../../src/engine/queue/entries.ts';
import { readExit, readSupervisor } from '../../../src/engine/run-folder/run-files.ts';
import { sweepOfRun } from '../../../src/engine/runs/groups.ts';
import { runNames } from '../../../src/engine/runs/list.ts';
import { runCondition } from '../../../src/engine/runs/summary.ts';
import { readProgress, sweepNames } from '../../../src/engine/search/folder.ts';
import { capabilities } from '../../../src/terminal/capabilities.ts';
import { cli } from '../../helpers/cli.ts';
import { FixtureHome, until } from '../../helpers/fixture-run.ts';
import { png } from '../../helpers/png.ts';
import { testPython } from '../../helpers/real-trainer.ts';

let packages: string | null | undefined;
let home: FixtureHome;
beforeAll(async () => {
  // The environment with Optuna that `npm test` makes.
  const env = { ...process.env, VISIONTRAIN_PYTHON: testPython() };
  const where = { places: places(process.env), env };
  const environment = await givenEnvironment(testPython(), env);
  const { signal } = new AbortController();
  packages = await ensureExtra(EXTRAS.optuna, { ...where, environment, signal, onProgress: () => {} }).catch(
    (error: Error) => {
      console.warn(`Searches are not tested: ${error.message}`);
      return undefined;
    },
  );
  home = await homeWithOptuna(packages ?? undefined);
});
afterAll(async () => home.remove());

/** A home whose trainer is the stand-in, and whose Optuna is real. */
async function homeWithOptuna(folder: string | undefined): Promise<FixtureHome> {
  const made = new FixtureHome({ FIXTURE_SECONDS: '0.005', FIXTURE_VALIDATES: '5', FIXTURE_SAVES: '10' });
  made.env.FIXTURE_HOLDS = join(made.dir, 'holds');
  // Two cards, as nvidia-smi would report them.
  made.env.PATH = `${join(made.dir, 'bin')}:${process.env.PATH}`;
  mkdirSync(join(made.dir, 'bin'));
  const card = (i: number) => `${i}, GPU-${i}, NVIDIA L4, 23034, 22000, 580.65.06, 8.9`;
  writeFileSync(join(made.dir, 'bin', 'nvidia-smi'), `#!/bin/sh\necho '${card(0)}'\necho '${card(1)}'\n`);
  chmodSync(join(made.dir, 'bin', 'nvidia-smi'), 0o755);
  const python = join(made.dir, 'python');
  renameSync(python, join(made.dir, 'stand-in'));
  const program = `case "$2" in visiontrain_trainer.searching) exec '${testPython()}' "$@";; esac`;
  writeFileSync(python, `#!/bin/sh\n${program}\nexec '${made.dir}/stand-in' "$@"\n`);
  for (const file of ['python', 'stand-in']) chmodSync(join(made.dir, file), 0o755);
  const { envs } = places(made.env);
  const { python_version } = await givenEnvironment(python, made.env);
  mkdirSync(envs, { recursive: true, mode: 0o700 });
  if (folder !== undefined) {
    const minor = python_version.split('.').slice(0, 2).join('.');
    symlinkSync(folder, join(envs, basename(folder).replace(/py[\d.]+$/, `py${minor}`)));
  }
  mkdirSync(join(made.dir, 'pictures'));
  for (let i = 0; i < 4; i += 1)
    writeFileSync(
      join(made.dir, 'pictures', `${i}.png`),
      png(64, 64, (x, y) => [x * 3, y * 3, i * 60]),
    );
  writeFileSync(
    join(made.dir, 'run.yaml'),
    'version: 1\nname: fox\ndataset: { path: pictures, trigger: zx, goal: character, validation_share: 0.25 }\n' +
      'model: { base: tiny }\nresources: { device: cpu }\ntraining: { steps: 20 }\nsamples: { every: 0, prompts: [zx] }\n' +
      'validation: { every: 5, patience: 3 }\n',
  );
  return made;
}

const go = (...words: string[]) => cli(words, home.env, home.dir);
const newest = () => sweepNames(home.runs).at(-1) ?? '';
const members = (group = newest()) =>
  runNames(home.runs)
    .map((name) => ({ dir: join(home.runs, name), ...sweepOfRun(join(home.runs, name)) }))
    .filter((run) => run.group === group)
    .sort((a, b) => (a.trial ?? 0) - (b.trial ?? 0));
const rateOf = (run: { values?: Readonly<Record<string, unknown>> } | undefined) =>
  run?.values?.['training.learning_rate'] as number;
/** Runs whose names begin with this wait until they are released or asked to stop. */
const hold = (beginning: string) => writeFileSync(home.env.FIXTURE_HOLDS as string, beginning);
const letGo = () => rmSync(home.env.FIXTURE_HOLDS as string);
const over = () => {
  const group = newest();
  return readProgress(home.runs, group)?.over === true && existsSync(join(home.runs, '.sweeps', group, 'compare.html'));
};

describe('a search', () => {
  it('runs to its end by itself, even after its supervisor was killed, stops runs without hope early, and is compared', async (context) => {
    if (packages === undefined) return context.skip();
    const lr = 'training.learning_rate=1e-6..1e-2';
    const added = await go('queue', 'add', 'run.yaml', '--sweep', lr, '--search', '4', '--json');
    expect(added.code, added.stderr).toBe(0);
    const [group = ''] = sweepNames(home.runs);
    expect(JSON.parse(added.stdout)).toMatchObject({
      waiting: [{}],
      sweeps: [{ group, name: 'fox', search: { runs: 1, of: 4, measure: 'validation', best: null, over: false } }],
    });
    await go('queue', 'run');
    await until(() => members().length === 3 && readSupervisor(members()[2]?.dir ?? '')?.trainer != null);
    const third = members()[2]?.dir ?? '';
    // The fourth run is the first that can be stopped early. It is stopped, and is held until then.
    hold('fox-4-');
    process.kill(readSupervisor(third)?.pid as number, 'SIGKILL');
    await until(() => runCondition(third).state !== 'live');
    await go('queue', 'run');
    await until(over);
    const all = members();
    const rates = all.map(rateOf);
    expect([all.length, new Set(rates).size]).toEqual([4, 4]);
    expect(all.map(({ trial }) => trial)).toEqual([0, 1, 2, 3]);
    const progress = readProgress(home.runs, group);
    const best = Math.min(...rates.map((rate) => 1 + (Math.log10(rate) + 4) ** 2 + 1 / 20));
    const values = progress?.trials.flatMap(({ value }) => value ?? []) ?? [];
    expect(Math.min(...values)).toBeCloseTo(best, 9);
    const ends = progress?.trials.map(({ state }, i) => `${state}, ${readExit(all[i]?.dir ?? '')?.status}`);
    expect(ends).toEqual([...Array(3).fill('complete, finished'), 'pruned, stopped']);
    expect(readFileSync(join(all[3]?.dir ?? '', 'events.jsonl'), 'utf8')).toContain('Stopped early by the search');
    letGo();
    const table = readFileSync(join(home.runs, '.sweeps', group, 'compare.txt'), 'utf8');
    expect(table).toMatch(new RegExp(`^${group}: 4 runs, the best first`));
    expect((await go('queue')).stderr).toContain(`${group} is over: `);
    expect(queueEntries(home.runs)).toEqual([]);
  }, 600_000);

  it('has a run on each of two cards at once, behind the run that it waits for, and goes by the judged measure', async (context) => {
    if (packages === undefined) return context.skip();
    const before = home.create(5, 'before');
    enqueue(home.runs, before.name);
    hold('bear');
    const what = ['--sweep', 'training.learning_rate=1e-6..1e-2', '--search', '3', '--measure', 'diversity'];
    const where = ['--devices', 'cuda:0,cuda:1', '--after', 'before', '--set', 'resources.precision=fp32'];
    const added = await go('queue', 'add', 'run.yaml', '--name', 'bear', ...what, ...where, '--json');
    expect(added.code, added.stderr).toBe(0);
    expect(JSON.parse(added.stdout).waiting.slice(-2)).toMatchObject([
      { device: 'cuda:0', after: 'before' },
      { device: 'cuda:1', after: 'before' },
    ]);
    await go('queue', 'run');
    await until(() => members().length === 2 && members().every(({ dir }) => runCondition(dir).state === 'live'));
    expect(readExit(before.dir)?.status).toBe('finished');
    // An error of judging is shown with the search, which goes on once the cause is mended.
    writeFileSync(join(home.dir, 'judging-fails'), '');
    letGo();
    await until(() => readProgress(home.runs, newest())?.problem?.includes('The judge is ill.') === true);
    expect((await go('queue')).stderr).toContain(`! ${newest()}: The judge is ill.`);
    rmSync(join(home.dir, 'judging-fails'));
    // A process that asks while another one advances the search leaves the search to that one.
    while (!over()) await go('queue', 'run');
    const values = readProgress(home.runs, newest())?.trials.map(({ value }) => value);
    const varied = (rate: number) => 1 / (2 + (Math.log10(rate) + 4) ** 2) - 1 / 1020;
    expect(values).toEqual(members().map((run) => expect.closeTo(varied(rateOf(run)), 9)));
    expect(values?.length).toBe(3);
  }, 300_000);

  it('is ended by its name, and none of its runs waits any more', async (context) => {
    if (packages === undefined) return context.skip();
    const added = await go(
      'queue',
      'add',
      'run.yaml',
      '--name',
      'owl',
      '--sweep',
      'training.rank=4..8',
      '--search',
      '9',
    );
    expect(added.code, added.stderr).toBe(0);
    const group = sweepNames(home.runs).at(-1) ?? '';
    expect(added.stderr).toContain(`${group}: search of owl, run 1 of 9`);
    const removed = await go('queue', 'remove', group);
    expect([removed.code, removed.stderr]).toEqual([0, expect.stringContaining(`The search ${group} is ended`)]);
    expect([queueEntries(home.runs), readProgress(home.runs, group)?.over]).toEqual([[], true]);
  });

  it.each<[Readonly<Record<string, unknown>>, RegExp]>([
    [{ search: '5', sweep: [] }, /told what it may change/],
    [{ search: '1' }, /2 to 1000/],
    [{ measure: 'fit' }, /--search is a number/],
    [{ search: '5', random: '5' }, /--random has no place/],
    [{ search: '5', on: 'gpu1' }, /--on has no place/],
    [{ search: '5', devices: 'cuda,cuda:0' }, /names a card twice/],
    [{ search: '5', after: 'nothing' }, /no run nothing/],
    [{ search: '5', measure: 'beauty' }, /nothing that a search can go by/],
    [{ search: '5', sweep: ['training.rank=-4..8'] }, /1 problem/],
    [{ search: '5', sweep: ['training.rank=4..8', 'training.rank=1,2'] }, /swept twice/],
    [
      { search: '5', set: ['dataset.validation_share=0', 'validation.patience=null', 'validation.every=null'] },
      /No image is kept/,
    ],
  ])('asked for as %j is refused', async (options, why) => {
    const flags = { json: false, plain: true, noInput: true, yes: false, debug: false };
    const terminal = capabilities({ env: {}, stdin: {}, stdout: {}, ...flags });
    const out = processOutput({ env: {}, plain: true });
    const context = { out, env: home.env, places: places(home.env), flags, terminal };
    const given = { sweep: ['training.rank=4..8'], ...options };
    await expect(addSearch([join(home.dir, 'run.yaml')], given, context)).rejects.toThrow(why);
    expect(sweepNames(home.runs).length).toBeLessThan(4);
  });
});
