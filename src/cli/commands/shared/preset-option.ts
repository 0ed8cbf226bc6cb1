/** The option `--preset NAME` of commands that take a run.yaml. */
import { plural } from '../../../base/text.ts';
import type { LoadedSpec } from '../../../engine/prepare/load.ts';
import { valueAt } from '../../../engine/prepare/mapping.ts';
import { loadPreset } from '../../../engine/presets/store.ts';
import type { OwnPreset } from '../../../spec/own-preset.ts';
import { yamlValue } from '../../../spec/write.ts';
import type { Context } from '../../shell/context.ts';
import { type Options, text } from './options.ts';

/**
 * The named preset; undefined when none was named.
 * @throws UsageError, ConfigError
 */
export function presetOption(options: Options, { places }: Context): OwnPreset | undefined {
  const name = text(options.preset);
  return name === undefined ? undefined : loadPreset(places.config, name);
}

/** Most keys that are named when the file's values override the preset. */
const NAMED = 6;

/** Reports which settings of the preset were used. */
export function tellPreset({ laid, spec }: LoadedSpec, preset: OwnPreset | undefined, { out, flags }: Context): void {
  if (laid === undefined || preset === undefined || flags.json) return;
  const { used, kept } = laid;
  const named = kept.slice(0, NAMED).join(', ') + (kept.length > NAMED ? ` and ${kept.length - NAMED} more` : '');
  const stays = kept.length === 0 ? '' : `; ${named} ${kept.length === 1 ? 'stays' : 'stay'} as the file has it`;
  out.wrapped(`Preset ${laid.name}: ${plural(used.length, 'setting')} taken${stays}.`);
  const base = preset.values.get('model.base');
  if (base !== undefined && base !== spec.model.base)
    out.wrapped(`! The preset is for ${String(base)}, and the base here is ${spec.model.base}.`);
}

/**
 * The preset as texts for `--set`, for a machine without that preset. Texts that were typed after `--set` come last
 * and win.
 */
export function presetAsSets({ laid, spec }: LoadedSpec, typed: readonly string[]): readonly string[] {
  const given = new Set(typed.map((one) => one.split('=')[0]?.trim()));
  return (laid?.used ?? [])
    .filter((key) => !given.has(key))
    .map((key) => `${key}=${yamlValue(valueAt(spec, key.split('.')))}`);
}
