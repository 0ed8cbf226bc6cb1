/**
 * Carries out `export slurm FILE` and `export skypilot FILE`: writes the script that `run --on slurm` would submit, or
 * a task of SkyPilot, and starts nothing.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { EXIT, type ExitCode, UsageError } from '../../../base/errors.ts';
import { intoGivenPlace, makeGivenFolder } from '../../../base/files/given-place.ts';
import { packageVersion } from '../../../base/package-root.ts';
import { absolute, displayPath } from '../../../base/paths.ts';
import { travelOf } from '../../../engine/boxes/travel.ts';
import { loadSpec } from '../../../engine/prepare/load.ts';
import { presetsOf } from '../../../engine/presets/store.ts';
import { hardwareOfJob } from '../../../engine/slurm/hardware.ts';
import { readSlurmOptions } from '../../../engine/slurm/options.ts';
import { SKY_FOLDER, skyTask } from '../../../engine/slurm/skypilot.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import { RUN_NAME, type RunSpec } from '../../../spec/schema.ts';
import type { Context } from '../../shell/context.ts';
import { type Options, text, texts } from '../shared/options.ts';
import { makeRun } from '../shared/start-run.ts';
import { agreed, scriptOf, unusedCards, writeScript } from './submit.ts';

export const jobKinds = ['slurm', 'skypilot'] as const;
export type JobKind = (typeof jobKinds)[number];

export async function exportJob(kind: JobKind, file: string, options: Options, context: Context): Promise<ExitCode> {
  const { out, places, flags } = context;
  const registry = loadRegistry({ configDir: places.config });
  const loaded = loadSpec(file, { overrides: texts(options.set), registry, own: presetsOf(places.config) });
  const name = text(options.name) ?? loaded.spec.name;
  if (!RUN_NAME.test(name))
    throw new UsageError(`--name ${JSON.stringify(name)} cannot name a run.`, {
      id: 'run/name',
      nextSteps: ['Use letters, digits, dot, dash and underscore, 100 at most.'],
    });
  if (kind === 'skypilot') return writeSkyTask({ ...loaded, registry, name }, options, context);
  const slurm = readSlurmOptions(places.config, texts(options.slurm));
  // What cannot be written is said before a run is made for it.
  const to = text(options.to) === undefined ? undefined : freePlace(`${name}.slurm.sh`, options);
  const about = unusedCards(loaded, slurm);
  if (about !== undefined && !flags.json) out.wrapped(`! ${about}`);
  const input = { ...loaded, registry, hardware: hardwareOfJob(slurm) };
  const { run } = await makeRun(input, { ...agreed(options), name }, context);
  const { nodes } = loaded.spec.resources;
  const path = to ?? writeScript(run, slurm, nodes, context);
  if (to !== undefined)
    intoGivenPlace(to, '--to DIR', () => writeFileSync(to, scriptOf(run, slurm, nodes, context), { flag: 'wx' }));
  if (flags.json) out.json({ run: run.name, path });
  else {
    out.talk(`${run.name} is made, and its job is written. Submit it on a login node:  sbatch FILE`);
    out.verbatim(displayPath(path, process.cwd()));
  }
  return EXIT.ok;
}

type Job = Parameters<typeof travelOf>[0] extends infer Input
  ? Omit<Input, 'places'> & { readonly file: string; readonly name: string }
  : never;

function writeSkyTask(job: Job, options: Options, { out, places, flags }: Context): ExitCode {
  const path = freePlace(`${job.name}.sky.yaml`, options);
  const travel = travelOf({ ...job, places });
  const placed = travel.travellers.map(({ path: here }, i) => [`${i}/${basename(here) || 'root'}`, here] as const);
  const there = new Map(placed.map(([name, here]) => [here, `${SKY_FOLDER}/${name}`]));
  const task = skyTask({
    name: job.name,
    version: packageVersion(),
    nodes: job.spec.resources.nodes,
    cards: cardsWanted(job.spec),
    mounts: [['run.yaml', job.file], ...placed],
    overrides: [...texts(options.set), ...travel.overrides(there)],
    words: (['acceptLicense', 'allowHooks', 'sendPictures'] as const)
      .filter((flag) => options[flag] === true)
      .map((flag) => `--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`),
  });
  intoGivenPlace(path, '--to DIR', () => writeFileSync(path, task, { flag: 'wx' }));
  if (flags.json) out.json({ run: job.name, path });
  else {
    out.talk('Written; nothing was rented. It says at its top how it is launched.');
    out.verbatim(displayPath(path, process.cwd()));
  }
  return EXIT.ok;
}

/**
 * Path of a new file in the folder of `--to`.
 * @throws UsageError when the file is there
 */
function freePlace(file: string, options: Options): string {
  const folder = absolute(text(options.to) ?? '.', { cwd: process.cwd() });
  makeGivenFolder(folder, '--to DIR');
  const path = join(folder, file);
  if (!existsSync(path)) return path;
  throw new UsageError(`${path} is there already.`, {
    id: 'file/exists',
    nextSteps: ['Remove it, or choose another folder: --to DIR'],
  });
}

/**
 * How many cards each machine must have.
 * @throws UsageError for `all`, because the machine is chosen by this number
 */
function cardsWanted({ resources: { devices } }: RunSpec): number {
  if (devices === 'all')
    throw new UsageError('How many cards should a machine have? resources.devices is all.', {
      id: 'command/wrong-value',
      nextSteps: ['--set resources.devices=2'],
    });
  if (typeof devices === 'number') return devices;
  return Array.isArray(devices) ? devices.length : 1;
}
