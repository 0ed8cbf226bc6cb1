/** Turns a settings file of another trainer into a run.yaml, with a list of what was taken and what was not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, UsageError } from '../../base/errors.ts';
import type { Registry } from '../../registry/catalogue/schema.ts';
import { renderSpec, yamlValue } from '../../spec/write.ts';
import { presetsFor } from '../prepare/document-presets.ts';
import type { FilledSpec } from '../prepare/fill.ts';
import { type LoadedSpec, loadSpec } from '../prepare/load.ts';
import { refuseOtherWork, trainsOtherThanLora } from './family.ts';
import type { ImportLine } from './line.ts';
import { mapWords } from './map.ts';
import { otherThanLora, ownRate } from './mend.ts';
import { laySettingsInMetadata, laySilent } from './our-words.ts';
import { type ImportOptions, placeBase, placeImages } from './place.ts';
import { readForeign, type TrainerName } from './read.ts';

export interface Imported {
  readonly trainer: TrainerName;
  /** The text of run.yaml. */
  readonly yaml: string;
  readonly filled: FilledSpec;
  readonly taken: readonly ImportLine[];
  readonly changed: readonly ImportLine[];
  readonly lost: readonly ImportLine[];
  readonly dangerous: readonly ImportLine[];
  readonly unknown: readonly string[];
  readonly off: number;
}

/**
 * Imports a file.
 * @throws UsageError when the file cannot be read, or names no images or base model and no option does
 */
export function importSettings(path: string, options: ImportOptions): Imported {
  const file = readForeign(path);
  refuseOtherWork(file, path);
  const mapped = mapWords(file);
  const values = new Map(mapped.values);
  const changed = [...mapped.changed];
  const lost = [...mapped.lost];
  placeImages(values, path, options, lost);
  const lines = new Map(mapped.lines);
  if (file.ours !== undefined) laySettingsInMetadata(file.ours, { values, lines, lost });
  placeBase(values, path, options, { mapped, changed });
  if (file.ours !== undefined) laySilent({ values, lines }, recipeHere(values, options.registry));
  otherThanLora(values, trainsOtherThanLora(file), changed);
  ownRate(values, changed);
  const { loaded, dropped } = settled(values, options.registry);
  for (const { key, message } of dropped) {
    const line = lines.get(key);
    lost.push({ theirs: line?.theirs ?? key, ours: null, why: `${key} ${message}` });
  }
  const gone = new Set(dropped.map(({ key }) => key));
  const keyOf = ({ ours }: ImportLine) => ours?.split(':')[0] ?? '';
  const isChanged = new Set(changed.map(keyOf));
  const taken = [...lines]
    .filter(([key]) => values.has(key.replace(/\.\d+$/u, '')) && !gone.has(key) && !isChanged.has(key))
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
    unknown: mapped.unknown,
    off: mapped.off,
  };
}

type Values = Map<string, unknown>;

/** The recipe's values for the chosen base model, by key. */
function recipeHere(values: Values, registry: Registry): (key: string) => unknown {
  const presets = presetsFor({ model: { base: values.get('model.base') } }, registry, {});
  return (key) => presets.get(key)?.value;
}

interface Settled {
  readonly loaded: LoadedSpec;
  readonly dropped: readonly { readonly key: string; readonly message: string }[];
}

/** Rounds in which settings that do not fit are left out, before the import is given up. */
const ROUNDS = 30;

/** Loads the values as a run.yaml. Settings that the rules refuse are left out, one round after the other. */
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
        const wrong = error.problems.map(({ key, message }) => ({ ...keyIn(key, values), message }));
        const first = wrong.find(({ key }) => key !== undefined && !NEEDED.has(key));
        if (first?.key === undefined)
          throw new UsageError('These settings do not fit together here.', {
            id: 'import/unreadable',
            details: error.problems.map(({ key, message }) => `${key} ${message}`),
            cause: error,
          });
        dropped.push({ key: leaveOut(values, first.key, first.inner), message: first.message });
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const NEEDED: ReadonlySet<string> = new Set(['dataset.path', 'model.base']);

/** The key that a problem is about, and the setting within its group. */
function keyIn(wrong: string, values: Values): { readonly key?: string; readonly inner?: string } {
  const key = [...values.keys()].find((each) => wrong === each || wrong.startsWith(`${each}.`));
  if (key === undefined) return {};
  return wrong === key ? { key } : { key, inner: wrong.slice(key.length + 1).split('.')[0] ?? '' };
}

/** Leaves out a value, or only the wrong setting of a group. Returns what was left out. */
function leaveOut(values: Values, key: string, inner: string | undefined): string {
  const group = values.get(key);
  const hasInner =
    inner !== undefined && typeof group === 'object' && group !== null && !Array.isArray(group) && inner in group;
  if (!hasInner) values.delete(key);
  else {
    const { [inner]: _, ...rest } = group as Readonly<Record<string, unknown>>;
    if (Object.keys(rest).length === 0) values.delete(key);
    else values.set(key, rest);
    return `${key}.${inner}`;
  }
  return key;
}

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
