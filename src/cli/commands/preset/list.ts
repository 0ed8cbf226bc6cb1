import { EXIT, UsageError, VisiontrainError } from '../../../base/errors.ts';
import { presetNames } from '../../../engine/presets/names.ts';
import { loadPreset } from '../../../engine/presets/store.ts';
import { table } from '../../../terminal/table.ts';
import type { CommandRun } from '../../shell/context.ts';

interface Row {
  readonly name: string;
  readonly about: string;
  readonly base: string | null;
  readonly settings: number;
  /** Why the preset cannot be used; null when it can. */
  readonly problem: string | null;
}

/** Shows all presets. One with mistakes is shown as such, and does not hide the others. */
export const run: CommandRun = async (what, _options, { out, flags, places }) => {
  if (what.length > 0) throw new UsageError('preset list takes nothing behind it.', { id: 'command/wrong' });
  const rows = presetNames(places.config).map((name) => rowOf(places.config, name));
  if (flags.json) out.json({ presets: rows });
  else if (rows.length === 0) out.talk('No presets yet.  visiontrain preset save NAME run.yaml   makes one');
  else {
    const lines = rows.map(({ name, about, base, settings, problem }) =>
      problem === null ? [name, base ?? 'any', String(settings), about] : [name, '', '', problem],
    );
    const room = { width: out.width, expendable: ['SETTINGS', 'BASE'] };
    for (const line of table(['NAME', 'BASE', 'SETTINGS', 'ABOUT'], lines, room)) out.data(line);
  }
  return EXIT.ok;
};

function rowOf(configDir: string, name: string): Row {
  try {
    const { about, values } = loadPreset(configDir, name);
    const base = values.get('model.base');
    return { name, about, base: typeof base === 'string' ? base : null, settings: values.size, problem: null };
  } catch (error) {
    if (!(error instanceof VisiontrainError)) throw error;
    return { name, about: '', base: null, settings: 0, problem: 'has mistakes: visiontrain preset show tells them' };
  }
}
