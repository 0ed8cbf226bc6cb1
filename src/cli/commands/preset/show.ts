import { EXIT } from '../../../base/errors.ts';
import { presetFile } from '../../../engine/presets/names.ts';
import { loadPreset } from '../../../engine/presets/store.ts';
import { renderPreset } from '../../../spec/own-preset.ts';
import type { CommandRun } from '../../shell/context.ts';
import { words } from './words.ts';

/** Prints a preset as its file would be written, with the meaning of each setting. */
export const run: CommandRun = async (what, _options, { out, flags, places }) => {
  const [name = ''] = words(what, 1, 'show NAME');
  const preset = loadPreset(places.config, name);
  const file = presetFile(places.config, name);
  if (flags.json) out.json({ name, file, about: preset.about, settings: Object.fromEntries(preset.values) });
  else {
    for (const line of renderPreset(preset).trimEnd().split('\n')) out.data(line);
    out.talk(`Change it in:  ${file}`);
  }
  return EXIT.ok;
};
