import { EXIT } from '../../../base/errors.ts';
import { removePreset } from '../../../engine/presets/store.ts';
import type { CommandRun } from '../../shell/context.ts';
import { words } from './words.ts';

/** Removes a preset. Runs and files that were made with it keep their settings. */
export const run: CommandRun = async (what, _options, { out, flags, places }) => {
  const [name = ''] = words(what, 1, 'rm NAME');
  const file = removePreset(places.config, name);
  if (flags.json) out.json({ name, file });
  else out.talk(`${name} is removed. What was made with it keeps its settings.`);
  return EXIT.ok;
};
