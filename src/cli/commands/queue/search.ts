/**
 * Carries out `queue add --search`: a sweep whose runs are chosen one by one, from the results of the earlier ones.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, type ExitCode, UsageError } from '../../../base/errors.ts';
import { type LoadedSpec, loadSpec } from '../../../engine/prepare/load.ts';
import { canonicalCard, dropEntry, queueEntries } from '../../../engine/queue/entries.ts';
import { type SweepAxis, sweepAxes, wrongSweep } from '../../../engine/queue/sweep.ts';
import { findRun } from '../../../engine/runs/find.ts';
import { sweepOfRun } from '../../../engine/runs/groups.ts';
import { keepSweep, type SearchSettings, sweepFolder, sweepGroup } from '../../../engine/search/folder.ts';
import { searchMeasure } from '../../../engine/search/measure.ts';
import { openAtOnce } from '../../../engine/search/study.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import { readTextFile } from '../../../spec/read-text.ts';
import { RUN_NAME } from '../../../spec/schema.ts';
import type { Context } from '../../shell/context.ts';
import { type Options, text, texts } from '../shared/options.ts';
import { presetAsSets, presetOption, tellPreset } from '../shared/preset-option.ts';
import { stepSearch, studyPython } from '../sweep/step.ts';
import { trialSpec } from '../sweep/trial.ts';
import { showQueue } from './list.ts';

/** Most runs of one search. */
const MOST_RUNS = 1000;
/** Options that have no place beside `--search`, with what to do instead. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  random: [],
  list: [],
  on: [
    'Each run is chosen here, when the one before it is over, and another machine cannot ask this one.',
    'Type the command on that machine: its queue goes on there by itself.',
    'For a cluster: --random 8 --on slurm submits its draws as one array of jobs.',
  ],
  slurm: [],
};

const wrongSearch = (message: string, ...nextSteps: string[]) =>
  new UsageError(message, { id: 'queue/search', nextSteps });

/** Stores the request, makes the first run and puts it into the queue. Each run that ends causes the next one. */
export async function addSearch(files: readonly string[], options: Options, context: Context): Promise<ExitCode> {
  const { places, out, flags } = context;
  const { name, loaded, search } = searchOf(files, options, context);
  checkEnds(search, context);
  if (options.dryRun === true) {
    const runs = Array.from({ length: search.count }, (_, i) => ({ name: `${name}-${i + 1}`, values: {} }));
    if (flags.json) out.json({ runs });
    else {
      out.data(`${search.count} runs of ${name}, ${loaded.spec.training.steps} steps each, by ${search.measure}`);
      for (const axis of search.axes) out.data(`  ${axis.key}: ${axisText(axis)}`);
    }
    return EXIT.ok;
  }
  // Missing packages are found, and installed, while the person is present.
  await studyPython(context);
  const group = sweepGroup(places.runs);
  keepSweep(places.runs, group, { version: 1, name, search });
  try {
    await stepSearch(group, { byPerson: true, throws: true }, context);
  } catch (error) {
    rmSync(sweepFolder(places.runs, group), { recursive: true, force: true });
    for (const entry of queueEntries(places.runs))
      if (sweepOfRun(join(places.runs, entry.run))?.group === group) dropEntry(places.runs, entry);
    throw error;
  }
  if (!flags.json)
    out.talk(
      openAtOnce(search) === 1
        ? `A search of ${search.count} runs has its first in the queue.  visiontrain queue run   starts it`
        : `A search of ${search.count} runs has its first in the queue.  visiontrain queue run   starts them`,
    );
  showQueue(queueEntries(places.runs), [], context);
  return EXIT.ok;
}

interface Wanted {
  readonly name: string;
  readonly loaded: LoadedSpec;
  readonly search: SearchSettings;
}

function searchOf(files: readonly string[], options: Options, context: Context): Wanted {
  const [file, second] = files;
  if (file === undefined || second !== undefined) throw wrongSearch('A search is over one run.yaml.');
  const other = Object.keys(OTHERS).find((one) => options[one] !== undefined);
  if (other !== undefined) throw wrongSearch(`--${other} has no place beside --search.`, ...(OTHERS[other] ?? []));
  const count = Number(text(options.search));
  if (!(Number.isSafeInteger(count) && count >= 2 && count <= MOST_RUNS))
    throw wrongSearch(`--search is a number of runs, 2 to ${MOST_RUNS}.`);
  const typed = texts(options.sweep);
  if (typed.length === 0)
    throw wrongSweep('--search needs to be told what it may change: --sweep training.learning_rate=5e-5..5e-4');
  const read = readTextFile(file);
  const registry = loadRegistry({ configDir: context.places.config });
  const preset = presetOption(options, context);
  const loaded = loadSpec(file, { overrides: texts(options.set), registry, preset });
  tellPreset(loaded, preset, context);
  const name = text(options.name) ?? loaded.spec.name;
  if (!RUN_NAME.test(name)) throw wrongSearch(`--name ${JSON.stringify(name)} cannot name a run.`);
  const measure = text(options.measure) ?? 'validation';
  refuseWithoutValidation(measure, loaded);
  return {
    name,
    loaded,
    search: {
      file: loaded.file,
      text: 'text' in read ? read.text : '',
      sets: [...presetAsSets(loaded, texts(options.set)), ...texts(options.set)],
      axes: sweepAxes(typed).map((axis) => ({
        ...axis,
        values: [...axis.values],
        range: axis.range === null ? null : [...axis.range],
      })),
      ...{ count, measure, seed: loaded.spec.training.seed },
      ...placeOf(options, context),
      prunes: measure === 'validation' && loaded.spec.validation.patience !== null,
      consents: {
        acceptLicense: options.acceptLicense === true,
        sendPictures: options.sendPictures === true,
        allowHooks: options.allowHooks === true,
      },
    },
  };
}

/**
 * The cards that the runs of a search use, and the run that they wait for.
 * @throws UsageError when a card is named twice
 */
function placeOf(options: Options, { places }: Context): Pick<SearchSettings, 'devices' | 'after'> {
  const typed = text(options.devices);
  const devices = typed?.split(',').map((device) => canonicalCard(device.trim()));
  if (devices !== undefined && new Set(devices).size < devices.length)
    throw wrongSearch('--devices names a card twice: each trains one run at a time.');
  const after = text(options.after);
  return {
    ...(devices === undefined ? {} : { devices }),
    ...(after === undefined ? {} : { after: findRun(after, places.runs).name }),
  };
}

/** @throws UsageError when the measure compares with images kept out of training, and run.yaml keeps none out */
function refuseWithoutValidation(text: string, { spec }: LoadedSpec): void {
  const measure = searchMeasure(text);
  const isNeeded = measure.kind === 'validation' || (measure.kind === 'judged' && measure.name === 'likeness');
  if (!isNeeded || spec.validation.path !== null || (spec.dataset.validation_share ?? 0) > 0) return;
  throw wrongSearch(
    'No image is kept out of training, so nothing tells which run is better.',
    '--set dataset.validation_share=0.1',
    'Or a folder of other images: --set validation.path=FOLDER',
    'Or go by another measure: --measure diversity, bleeding, fit, or metric:NAME of a hook',
  );
}

/**
 * Checks that both ends of each range and all choices are valid settings.
 * @throws ConfigError
 */
function checkEnds(search: SearchSettings, context: Context): void {
  const first = Object.fromEntries(search.axes.map((axis) => [axis.key, endsOf(axis)[0]]));
  for (const axis of search.axes)
    for (const value of endsOf(axis)) trialSpec(search, { values: { ...first, [axis.key]: value } }, context);
}

const endsOf = ({ range, values }: Pick<SweepAxis, 'range' | 'values'>): readonly unknown[] => range ?? values;

const axisText = ({ range, values, log, whole }: SweepAxis): string =>
  range === null
    ? values.join(', ')
    : `${range.join(' to ')}${whole ? ', whole numbers' : ''}${log ? ', by the logarithm' : ''}`;
