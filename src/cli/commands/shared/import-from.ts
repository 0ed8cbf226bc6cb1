import { existsSync } from 'node:fs';
import { EXIT, type ExitCode, UsageError } from '../../../base/errors.ts';
import { writeFileAtomic } from '../../../base/files/atomic.ts';
import { explainWriteError } from '../../../base/files/write-errors.ts';
import { absolute, displayPath } from '../../../base/paths.ts';
import { neutralise, plural } from '../../../base/text.ts';
import { shellWord } from '../../../base/typed-path.ts';
import { type Imported, importSettings } from '../../../engine/import/import.ts';
import type { ImportLine } from '../../../engine/import/line.ts';
import { isTrainerFile } from '../../../engine/import/read.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import type { Context } from '../../shell/context.ts';
import { type Options, text } from './options.ts';

/**
 * Writes a run.yaml from the settings of another trainer and reports how each was treated; undefined when the file is
 * itself a run.yaml, which the wizard reads.
 */
export function importFrom(
  { from, folder }: { readonly from: string; readonly folder: string | undefined },
  options: Options,
  { out, places, flags }: Context,
): ExitCode | undefined {
  const cwd = process.cwd();
  const path = absolute(from, { cwd });
  if (!existsSync(path) || !isTrainerFile(path)) return undefined;
  const to = absolute(text(options.output) ?? 'run.yaml', { cwd });
  if (existsSync(to))
    throw new UsageError(`${to} is there already.`, {
      id: 'file/exists',
      nextSteps: ['Choose another name:  -o FILE'],
    });
  const base = text(options.base);
  const imported = importSettings(path, {
    registry: loadRegistry({ configDir: places.config }),
    folder: folder === undefined ? undefined : absolute(folder, { cwd }),
    base: base !== undefined && existsSync(absolute(base, { cwd })) ? absolute(base, { cwd }) : base,
  });
  try {
    writeFileAtomic(to, imported.yaml);
  } catch (error) {
    throw explainWriteError(error, to);
  }
  const { yaml: _, filled: __, ...document } = imported;
  if (flags.json) out.json({ file: to, ...document });
  else tell(imported, displayPath(to, cwd), out);
  return EXIT.ok;
}

function tell(imported: Imported, file: string, out: Context['out']): void {
  const { trainer, taken, changed, lost, dangerous, off } = imported;
  const lines = (head: string, all: readonly ImportLine[]) => {
    if (all.length === 0) return;
    out.talk(head);
    for (const { theirs, ours, why } of all) {
      const what = ours === null ? theirs : `${theirs}  →  ${ours}`;
      out.wrapped(neutralise(`  ${what}${why === null ? '' : `  (${why})`}`));
    }
  };
  out.talk(`From ${trainer}: ${plural(taken.length + changed.length, 'setting')} taken, ${off} that are off there.`);
  lines('Taken:', taken);
  lines('Taken, but it means something else here:', changed);
  lines('Without a counterpart:', lost);
  lines('Not taken, and better not in a file:', dangerous);
  out.talk(`Look it through:  visiontrain new --from ${shellWord(file)} -o second.yaml`);
  out.talk(`Start it with:    visiontrain run ${shellWord(file)}`);
  out.verbatim(file);
}
