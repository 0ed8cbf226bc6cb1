/** A settings file of another trainer becomes a run.yaml, with a list of what was taken and what was not. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { ConfigError, UsageError } from '../../base/errors.ts';
import { findBase } from '../../registry/catalogue/find.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import { RUN_NAME } from '../../spec/schema.ts';
import { renderSpec, yamlValue } from '../../spec/write.ts';
import type { FilledSpec } from '../prepare/fill.ts';
import { type LoadedSpec, loadSpec } from '../prepare/load.ts';
import { type ImportLine, type Mapped, mapWords } from './map.ts';
import { type ForeignPair, readForeign, type TrainerName } from './read.ts';

export interface Imported {
  readonly trainer: TrainerName;
  /** The text of run.yaml. */
  readonly yaml: string;
  readonly filled: FilledSpec;
  readonly taken: readonly ImportLine[];
  readonly changed: readonly ImportLine[];
  readonly lost: readonly ImportLine[];
  readonly dangerous: readonly ImportLine[];
  readonly off: number;
}

export interface ImportOptions {
  readonly registry: Registry;
  /** Folder with the pictures instead of the file's. */
  readonly folder?: string | undefined;
  /** Base model instead of the file's. */
  readonly base?: string | undefined;
}

/** @throws UsageError when the file cannot be read, or does not tell pictures or base and no option does */
export function importSettings(path: string, options: ImportOptions): Imported {
  const file = readForeign(path);
  refuseOtherFamily(file.pairs, path);
  const mapped = mapWords(file);
  const values = new Map(mapped.values);
  const changed = [...mapped.changed];
  const lost = [...mapped.lost];
  placeImages(values, path, options, lost);
  placeBase(values, path, options, { mapped, changed });
  ownRate(values, changed);
  const name = values.get('name');
  if (typeof name !== 'string' || !RUN_NAME.test(name)) values.delete('name');
  const { loaded, dropped } = settled(values, options.registry);
  for (const { key, message } of dropped) {
    const line = mapped.lines.get(key);
    lost.push({ theirs: line?.theirs ?? key, ours: null, why: `${key} ${message}` });
  }
  const gone = new Set(dropped.map(({ key }) => key));
  const keyOf = ({ ours }: ImportLine) => ours?.split(':')[0] ?? '';
  const isChanged = new Set(changed.map(keyOf));
  const taken = [...mapped.lines]
    .filter(([key]) => values.has(key) && !gone.has(key) && !isChanged.has(key))
    .map(([, line]) => line);
  const left = changed.filter((line) => !gone.has(keyOf(line)));
  return {
    trainer: file.trainer,
    yaml: renderSpec(loaded.spec, loaded.provenance),
    filled: { spec: loaded.spec, provenance: loaded.provenance },
    taken,
    changed: left,
    lost,
    dangerous: mapped.dangerous,
    off: mapped.off,
  };
}

/** How OneTrainer names the families that are trained here. */
const OURS = /^STABLE_DIFFUSION_(?:15|XL_10_BASE)$/u;

/** @throws UsageError when the settings are for a family of models that is not trained here */
function refuseOtherFamily(pairs: readonly ForeignPair[], path: string): void {
  const type = pairs.find(({ name, group }) => name === 'model_type' && group === '')?.value;
  const flux = pairs.find(({ name, value }) => name === 'flux1_checkbox' && (value === true || value === 'True'));
  const other =
    flux !== undefined
      ? 'FLUX'
      : typeof type === 'string' && /^[A-Z_0-9]+$/u.test(type) && !OURS.test(type)
        ? type
        : undefined;
  if (other === undefined) return;
  throw new UsageError(`${basename(path)} is for ${other}; LoRAs are trained here on SD 1.5 and SDXL.`, {
    id: 'model/not-supported',
    nextSteps: ['Take settings for SD 1.5 or SDXL.'],
  });
}

/** Rates below this are no factor of the rate that Prodigy finds, which is 1 or a little less. */
const LEAST_FACTOR = 0.1;

/** Prodigy finds the rate by itself: a rate for other optimisers would make its own far too small. */
function ownRate(values: Values, changed: ImportLine[]): void {
  const rate = values.get('training.learning_rate');
  if (
    !String(values.get('training.optimizer')).startsWith('prodigy') ||
    (typeof rate === 'number' && rate >= LEAST_FACTOR)
  )
    return;
  values.set('training.learning_rate', 1);
  if (Number(values.get('training.text_encoder_learning_rate')) > 0)
    values.set('training.text_encoder_learning_rate', 1);
  const theirs = rate === undefined ? 'no rate' : `a rate of ${String(rate)}`;
  changed.push({ theirs, ours: 'training.learning_rate: 1.0', why: 'Prodigy finds the rate by itself' });
}

type Values = Map<string, unknown>;

function placeImages(values: Values, path: string, { folder }: ImportOptions, lost: ImportLine[]): void {
  const theirs = values.get('dataset.path');
  const here = typeof theirs === 'string' && theirs !== '' ? resolve(dirname(path), theirs) : undefined;
  const regularisation = values.get('dataset.regularisation') as { path?: string } | undefined;
  if (regularisation?.path !== undefined && !existsSync(resolve(dirname(path), regularisation.path))) {
    values.delete('dataset.regularisation');
    lost.push({ theirs: 'regularisation pictures', ours: null, why: `${regularisation.path} is not on this machine` });
  }
  if (folder !== undefined) values.set('dataset.path', folder);
  else if (here !== undefined && existsSync(here)) values.set('dataset.path', here);
  else
    throw new UsageError(
      here === undefined
        ? `${basename(path)} does not say where the pictures are.`
        : `The pictures of ${basename(path)} are not here: ${String(theirs)}.`,
      { id: 'import/pictures', nextSteps: [`visiontrain new FOLDER --from ${basename(path)}`] },
    );
}

function placeBase(
  values: Values,
  path: string,
  { registry, base }: ImportOptions,
  { mapped, changed }: { readonly mapped: Mapped; readonly changed: ImportLine[] },
): void {
  if (base !== undefined) return void values.set('model.base', base);
  const named = values.get('model.base');
  const theirs = [...(typeof named === 'string' ? [named] : []), ...mapped.base];
  const file = typeof named === 'string' ? resolve(dirname(path), named) : '';
  if (typeof named === 'string' && findBase(registry, named) !== undefined) return;
  if (typeof named === 'string' && named !== '' && existsSync(file)) return void values.set('model.base', file);
  const id = KNOWN_BASES.find(([pattern]) => theirs.some((text) => pattern.test(text)))?.[1];
  if (id === undefined || findBase(registry, id) === undefined)
    throw new UsageError(
      `The base model of ${basename(path)} is not known here: ${theirs.join(', ') || 'it names none'}.`,
      {
        id: 'import/base',
        nextSteps: [
          `visiontrain new FOLDER --from ${basename(path)} --base sdxl`,
          'visiontrain models list   shows which there are; a path to a file works too',
        ],
      },
    );
  values.set('model.base', id);
  changed.push({
    theirs: theirs[0] ?? '',
    ours: `model.base: ${id}`,
    why: 'the entry of that name here; --base names another',
  });
}

/** Names that people give base models, the special ones first. */
const KNOWN_BASES: readonly (readonly [RegExp, string])[] = [
  [/noob.*v.?pred/iu, 'noobai-vpred'],
  [/noob/iu, 'noobai'],
  [/illustrious/iu, 'illustrious'],
  [/pony/iu, 'pony'],
  [/sd_?xl|stable-diffusion-xl/iu, 'sdxl'],
  [/sd_?v1|v1-5|stable-diffusion-v1|sd15|animefull/iu, 'sd15'],
];

interface Settled {
  readonly loaded: LoadedSpec;
  readonly dropped: readonly { readonly key: string; readonly message: string }[];
}

/** Rounds in which settings that do not fit are left out, before the file is given up. */
const ROUNDS = 30;

/** Loads the values as a run.yaml would be; what the rules refuse is left out, one round after the other. */
function settled(values: Values, registry: Registry): Settled {
  const dir = mkdtempSync(join(tmpdir(), 'visiontrain-import-'));
  const dropped: { key: string; message: string }[] = [];
  try {
    for (let round = 0; ; round += 1) {
      const file = join(dir, 'run.yaml');
      writeFileSync(file, draft(values), { mode: 0o600 });
      try {
        return { loaded: loadSpec(file, { registry }), dropped };
      } catch (error) {
        if (!(error instanceof ConfigError) || round >= ROUNDS) throw error;
        const wrong = error.problems.map(({ key, message }) => ({ key: keyIn(key, values), message }));
        const first = wrong.find(({ key }) => key !== undefined && !NEEDED.has(key));
        if (first?.key === undefined)
          throw new UsageError('These settings do not fit together here.', {
            id: 'import/unreadable',
            details: error.problems.map(({ key, message }) => `${key} ${message}`),
            cause: error,
          });
        values.delete(first.key);
        dropped.push({ key: first.key, message: first.message });
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const NEEDED: ReadonlySet<string> = new Set(['dataset.path', 'model.base']);

/** The key with a value that a problem is about; a problem may lie within a group. */
const keyIn = (key: string, values: Values): string | undefined =>
  [...values.keys()].find((each) => key === each || key.startsWith(`${each}.`));

function draft(values: Values): string {
  const sections = new Map<string, string[]>();
  const top = ['version: 1'];
  for (const [key, value] of values) {
    const [section = '', field] = key.split('.');
    if (field === undefined) top.push(`${section}: ${yamlValue(value)}`);
    else sections.set(section, [...(sections.get(section) ?? []), `  ${field}: ${yamlValue(value)}`]);
  }
  return `${[...top, ...[...sections].flatMap(([section, lines]) => [`${section}:`, ...lines])].join('\n')}\n`;
}
