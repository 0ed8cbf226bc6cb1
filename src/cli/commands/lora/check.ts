import { EXIT, UsageError } from '../../../base/errors.ts';
import { neutralise, plural } from '../../../base/text.ts';
import type { LoraProblem } from '../../../engine/lora/inspect.ts';
import { findBase } from '../../../registry/catalogue/find.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import { readModelFacts } from '../../../registry/checkpoints/identify.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { type Options, text } from '../shared/options.ts';
import { inspected, loraPaths } from './files.ts';

/** Says whether LoRA files are sound, and with `--base`, whether they are for that base. Exit code 2 when one is not. */
export const run: CommandRun = async (files, options, context) => {
  const { out, flags } = context;
  const base = baseFamily(options, context);
  const checked = loraPaths(files, 'check').map((path) => {
    const { base: own, problems, layers } = inspected(path);
    const other: LoraProblem[] =
      base === undefined || own === null || own === base.family
        ? []
        : [{ level: 'bad', text: `it is for ${own}; ${base.name} is ${base.family}` }];
    const all = [...problems, ...other];
    return { path, sound: all.every(({ level }) => level !== 'bad'), base: own, layers, problems: all };
  });
  if (flags.json) out.json({ files: checked });
  else
    for (const { path, sound, base: own, layers, problems } of checked) {
      out.data(
        neutralise(`${sound ? 'sound' : 'NOT SOUND'}  ${path}  (${own ?? 'unknown base'}, ${plural(layers, 'layer')})`),
      );
      for (const { level, text: said } of problems)
        out.data(neutralise(`  ${level === 'bad' ? 'problem' : 'note'}: ${said}`));
    }
  return checked.every(({ sound }) => sound) ? EXIT.ok : EXIT.usage;
};

const FAMILIES = { sd15: 'SD 1.5', sdxl: 'SDXL' } as const;

/** The family of the base that is named by id or path. @throws UsageError when there is none such */
function baseFamily(
  options: Options,
  { places }: Context,
): { readonly name: string; readonly family: string } | undefined {
  const name = text(options.base);
  if (name === undefined) return undefined;
  const known = findBase(loadRegistry({ configDir: places.config }), name);
  if (known !== undefined) return { name, family: FAMILIES[known.family] };
  try {
    return { name, family: FAMILIES[readModelFacts(name).family] };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`${name} is no base model here.`, {
      id: 'model/none',
      nextSteps: ['visiontrain models list   shows which there are; a path to a file works too'],
      cause,
    });
  }
}
