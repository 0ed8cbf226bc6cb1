import { EXIT, UsageError } from '../../../base/errors.ts';
import { plural } from '../../../base/text.ts';
import { shellWord } from '../../../base/typed-path.ts';
import { presetFrom, sourceOf } from '../../../engine/presets/make.ts';
import { presetFile } from '../../../engine/presets/names.ts';
import { savePreset } from '../../../engine/presets/store.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import type { CommandRun } from '../../shell/context.ts';
import { text } from '../shared/options.ts';
import { words } from './words.ts';

/** Most characters of `--about`, the same as in the file. */
const LONGEST = 200;

/** Makes a preset of the choices in a run.yaml, a run, another preset, or settings of another trainer. */
export const run: CommandRun = async (what, options, { out, flags, places }) => {
  const [name = '', from = ''] = words(what, 2, 'save NAME FROM   (a run.yaml, a run, or settings of another trainer)');
  presetFile(places.config, name);
  const about = text(options.about);
  if (about !== undefined && about.length > LONGEST)
    throw new UsageError(`--about is a sentence of at most ${LONGEST} characters.`, { id: 'command/wrong-value' });
  const registry = loadRegistry({ configDir: places.config });
  const source = sourceOf(from, {
    registry,
    configDir: places.config,
    runs: places.runs,
    base: text(options.base),
  });
  const { preset, left } =
    source.kind === 'preset'
      ? { preset: { ...source.preset, name, about: about ?? source.preset.about }, left: [] }
      : presetFrom({ name, about: about ?? '' }, source.filled, options.all === true);
  if (preset.values.size === 0)
    throw new UsageError(`${from} leaves every setting to the recipe: there is nothing to save.`, {
      id: 'preset/empty',
      nextSteps: [`With what the recipe chose:  visiontrain preset save ${name} ${shellWord(from)} --all`],
    });
  const file = savePreset(places.config, preset, options.replace === true);
  if (flags.json) out.json({ name, file, settings: Object.fromEntries(preset.values), left });
  else {
    out.talk(`${name}: ${plural(preset.values.size, 'setting')} saved.`);
    for (const { key, why } of left) out.wrapped(`  ${key} is left out: ${why}.`);
    out.talk(`Use it:  visiontrain new FOLDER --preset ${name}`);
    out.verbatim(file);
  }
  return EXIT.ok;
};
