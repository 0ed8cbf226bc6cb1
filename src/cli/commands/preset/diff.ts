import { EXIT } from '../../../base/errors.ts';
import { presetDifferences } from '../../../engine/presets/diff.ts';
import { sourceOf } from '../../../engine/presets/make.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import { yamlValue } from '../../../spec/write.ts';
import { table } from '../../../terminal/table.ts';
import type { CommandRun } from '../../shell/context.ts';
import { words } from './words.ts';

/**
 * Shows the settings in which two sources differ; each may be a preset, a run.yaml, a run, or settings of another
 * trainer.
 */
export const run: CommandRun = async (what, _options, { out, flags, places }) => {
  const [a = '', b = ''] = words(what, 2, 'diff A B   (presets, run.yaml files, or runs)');
  const from = { registry: loadRegistry({ configDir: places.config }), configDir: places.config, runs: places.runs };
  const differences = presetDifferences(sourceOf(a, from), sourceOf(b, from));
  if (flags.json) {
    const rows = differences.map((row) => ({ key: row.key, a: row.a ?? null, b: row.b ?? null }));
    out.json({ a, b, differences: rows });
  } else if (differences.length === 0) out.talk(`${a} and ${b} have the same settings.`);
  else {
    const shown = (value: unknown) => (value === undefined ? 'as the recipe' : yamlValue(value));
    const rows = differences.map((row) => [row.key, shown(row.a), shown(row.b)]);
    for (const line of table(['SETTING', a, b], rows, { width: out.width, expendable: [] })) out.data(line);
  }
  return EXIT.ok;
};
