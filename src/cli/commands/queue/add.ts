import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, type ExitCode, UsageError } from '../../../base/errors.ts';
import { plural } from '../../../base/text.ts';
import { sweepOfCommand } from '../../../engine/boxes/serve.ts';
import { type LoadedSpec, loadSpec } from '../../../engine/prepare/load.ts';
import { presetsOf } from '../../../engine/presets/store.ts';
import { enqueue, queueEntries } from '../../../engine/queue/entries.ts';
import { listedRuns, type SweepRun, sweepRuns } from '../../../engine/queue/sweep.ts';
import { findRun } from '../../../engine/runs/find.ts';
import { runNames } from '../../../engine/runs/list.ts';
import { runCondition } from '../../../engine/runs/summary.ts';
import { keepSweep, sweepGroup } from '../../../engine/search/folder.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import { readTextFile } from '../../../spec/read-text.ts';
import { RUN_NAME } from '../../../spec/schema.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { type Options, text, texts } from '../shared/options.ts';
import { presetAsSets, presetOption, tellPreset } from '../shared/preset-option.ts';
import { settleRun } from '../shared/settle-run.ts';
import { makeRun } from '../shared/start-run.ts';
import { showQueue } from './list.ts';

interface Wanted {
  readonly loaded: LoadedSpec;
  readonly name: string;
  /** Texts for `--set`, and (below) the values of a run of a sweep. */
  readonly overrides: readonly string[];
  readonly values: SweepRun['values'] | undefined;
}

/** Makes runs of run.yaml files and puts them into the queue. All of them are checked before the first is made. */
export const run: CommandRun = async (files, options, context) => {
  const { places, out, flags } = context;
  if (files.length === 0)
    throw new UsageError('Which run.yaml?', { id: 'queue/which', nextSteps: ['visiontrain queue add run.yaml'] });
  if (options.search !== undefined || options.measure !== undefined) {
    const { addSearch } = await import('./search.ts');
    return addSearch(files, options, context);
  }
  refuseDevices(options);
  const registry = loadRegistry({ configDir: places.config });
  const there = files.filter((file) => isWaitable(file, context));
  const wanted = files.filter((file) => !there.includes(file)).flatMap((file) => wantedRuns(file, options, context));
  if (options.dryRun === true) {
    if (flags.json) out.json({ runs: wanted.map(({ name, values }) => ({ name, values: values ?? {} })) });
    else for (const { name, loaded } of wanted) out.data(`${name}   ${loaded.spec.training.steps} steps`);
    return EXIT.ok;
  }
  const on = text(options.on);
  if (on === 'slurm') return asArray(there, wanted, { options, context });
  if (on !== undefined) return elsewhere(on, there, wanted, { options, context });
  const after = text(options.after) === undefined ? undefined : findRun(text(options.after) ?? '', places.runs).name;
  for (const name of there) settleRun(join(places.runs, name), options, context);
  for (const name of there) enqueue(places.runs, name, after);
  const [first] = wanted;
  const isSweep = wanted.length > 1 && wanted.some(({ values }) => values !== undefined);
  const group = isSweep ? sweepGroup(places.runs) : undefined;
  const asked = sweepOfCommand(context.env);
  if (group !== undefined)
    keepSweep(places.runs, group, {
      version: 1,
      name: text(options.name) ?? first?.loaded.spec.name ?? group,
      search: null,
    });
  for (const { loaded, name, values } of wanted) {
    const { run: made } = await makeRun(
      { ...loaded, registry },
      {
        name,
        acceptLicense: options.acceptLicense === true,
        sendPictures: options.sendPictures === true,
        allowHooks: options.allowHooks === true,
        ...(asked !== undefined ? { facts: { sweep: asked } } : {}),
        ...(values === undefined ? {} : { facts: { sweep: { group, values } } }),
      },
      context,
    );
    enqueue(places.runs, made.name, after);
  }
  if (!flags.json)
    out.talk(`${plural(wanted.length + there.length, 'run')} more in the queue.  visiontrain queue run   starts it`);
  if (!flags.json && group !== undefined)
    out.talk(`  visiontrain compare ${group}   shows all of the sweep beside each other; a page is written at its end`);
  showQueue(queueEntries(places.runs), [], context);
  return EXIT.ok;
};

/**
 * Submits one array of jobs to Slurm.
 * @throws UsageError for options that only the queue of this machine has
 */
async function asArray(
  there: readonly string[],
  wanted: readonly Wanted[],
  { options, context }: { readonly options: Options; readonly context: Context },
): Promise<ExitCode> {
  refuseOwn(there, options);
  const { submitArray } = await import('../slurm/array.ts');
  const registry = loadRegistry({ configDir: context.places.config });
  return submitArray(wanted, { registry, options, context });
}

/**
 * Refuses options that only the queue of this machine has.
 * @throws UsageError
 */
function refuseOwn([first]: readonly string[], { after }: Options): void {
  if (first === undefined && after === undefined) return;
  throw new UsageError(
    first === undefined ? '--after is for the queue of this machine.' : `${first} is a run of this machine.`,
    { id: 'queue/which', nextSteps: ['With --on name run.yaml files, without --after.'] },
  );
}

/**
 * Puts the runs into the queues of other machines.
 * @throws UsageError for options that only the queue of this machine has
 */
async function elsewhere(
  hosts: string,
  there: readonly string[],
  wanted: readonly Wanted[],
  { options, context }: { readonly options: Options; readonly context: Context },
): Promise<ExitCode> {
  refuseOwn(there, options);
  const { queueOn } = await import('../boxes/queue-on.ts');
  const registry = loadRegistry({ configDir: context.places.config });
  return queueOn(hosts, wanted, { registry, options, context });
}

/**
 * Whether there is a run of this name that can be resumed.
 * @throws UsageError for one that is finished or live
 */
function isWaitable(name: string, { places }: Context): boolean {
  if (existsSync(name) || !runNames(places.runs).includes(name)) return false;
  const { state } = runCondition(join(places.runs, name));
  if (state === 'finished' || state === 'live')
    throw new UsageError(
      `${name} ${state === 'live' ? 'is already running' : 'is finished: there is nothing to resume'}.`,
      {
        id: state === 'live' ? 'run/already-running' : 'run/finished',
        nextSteps: [`visiontrain status ${name}`],
      },
    );
  return true;
}

function wantedRuns(file: string, options: Options, context: Context): Wanted[] {
  const registry = loadRegistry({ configDir: context.places.config });
  const set = texts(options.set);
  const preset = presetOption(options, context);
  const own = presetsOf(context.places.config);
  const base = loadSpec(file, { overrides: set, registry, preset, own });
  tellPreset(base, preset, context);
  // The machine that the run goes to does not have the preset.
  const sets = presetAsSets(base, set);
  const given = text(options.name) ?? base.spec.name;
  if (!RUN_NAME.test(given))
    throw new UsageError(`--name ${JSON.stringify(given)} cannot name a run.`, {
      id: 'run/name',
      nextSteps: ['Use letters, digits, dot, dash and underscore, 100 at most.'],
    });
  const sweep = sweepOf(options, base.spec.training.seed);
  if (sweep === undefined) return [{ loaded: base, name: given, overrides: sets, values: undefined }];
  const devices = text(options.devices)?.split(',');
  return sweep.map(({ overrides, suffix, values }, i) => {
    // Each card gets every second run, or third.
    const there = devices === undefined ? [] : [`resources.device=${devices[i % devices.length]?.trim()}`];
    return {
      loaded: loadSpec(file, { overrides: [...set, ...there, ...overrides], registry, preset, own }),
      name: `${given}-${suffix}`.slice(0, 100),
      overrides: [...sets, ...there, ...overrides],
      values,
    };
  });
}

/** @throws UsageError where `--devices` would be passed over */
function refuseDevices({ devices, sweep, list, on }: Options): void {
  if (devices === undefined || ((sweep !== undefined || list !== undefined) && on !== 'slurm')) return;
  throw new UsageError(
    on === 'slurm'
      ? 'Each job of an array has a card of its own.'
      : '--devices spreads the runs of a sweep over cards.',
    {
      id: 'queue/sweep',
      nextSteps: [on === 'slurm' ? 'Leave out --devices.' : 'For one run: --set resources.device=cuda:1'],
    },
  );
}

function sweepOf(options: Options, seed: number): SweepRun[] | undefined {
  const typed = texts(options.sweep);
  const list = text(options.list);
  const count = text(options.random);
  if (list !== undefined) {
    if (typed.length > 0 || count !== undefined)
      throw new UsageError('--list names all runs, so --sweep and --random have no place beside it.', {
        id: 'queue/sweep',
      });
    const read = readTextFile(list);
    if ('problem' in read) throw new UsageError(`${list} ${read.problem}.`, { id: 'queue/sweep' });
    return listedRuns(read.text, list);
  }
  if (typed.length === 0) {
    if (count !== undefined) throw new UsageError('--random draws from what --sweep says.', { id: 'queue/sweep' });
    return undefined;
  }
  const random = count === undefined ? undefined : Number(count);
  if (random !== undefined && !(Number.isSafeInteger(random) && random > 0))
    throw new UsageError('--random is a number of runs, 1 or more.', { id: 'command/wrong-value' });
  return sweepRuns(typed, { random, seed });
}
