import { EXIT, VisiontrainError } from '../../../base/errors.ts';
import { neutralise, plural } from '../../../base/text.ts';
import type { LoraProblem } from '../../../engine/lora/inspect.ts';
import { type LoraFit, loraFit } from '../../../engine/lora/tools.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { anyPython } from '../shared/any-python.ts';
import { text } from '../shared/options.ts';
import { type NamedBase, namedBase } from './base-files.ts';
import { inspected, loraPaths } from './files.ts';

interface Checked {
  readonly path: string;
  readonly sound: boolean;
  readonly base: string | null;
  readonly layers: number;
  readonly problems: readonly LoraProblem[];
  /** Null when no base was named, or its files are not on this machine. */
  readonly fit: LoraFit | null;
}

/**
 * Checks whether LoRA files are sound and, with `--base`, which of their layers fit that base. The exit code is 2 when
 * a file is not sound.
 */
export const run: CommandRun = async (files, options, context) => {
  const { out, flags } = context;
  const name = text(options.base);
  const base = name === undefined ? undefined : namedBase(name, context);
  const checked: Checked[] = [];
  for (const path of loraPaths(files, 'check')) checked.push(await checkedFile(path, base, context));
  if (flags.json) out.json({ files: checked });
  else for (const each of checked) show(each, out);
  return checked.every(({ sound }) => sound) ? EXIT.ok : EXIT.usage;
};

async function checkedFile(path: string, base: NamedBase | undefined, context: Context): Promise<Checked> {
  const { base: own, problems, layers } = inspected(path);
  const isOther = base !== undefined && own !== null && own !== base.family;
  const others: LoraProblem[] = isOther
    ? [{ level: 'bad', text: `it is for ${own}; ${base.name} is ${base.family}` }]
    : [];
  const isWhole = problems.every(({ level }) => level !== 'bad');
  const { fit, note } = base === undefined || isOther || !isWhole ? NOT_ASKED : await fitOf(path, base, context);
  const all = [...problems, ...others, ...note, ...(fit === null ? [] : fitProblems(fit))];
  return { path, sound: all.every(({ level }) => level !== 'bad'), base: own, layers, problems: all, fit };
}

const NOT_ASKED = { fit: null, note: [] } as const;

async function fitOf(path: string, base: NamedBase, context: Context) {
  const note = (why: string): { fit: null; note: LoraProblem[] } => ({
    fit: null,
    note: [{ level: 'note', text: `only its family was compared: ${why}` }],
  });
  if (base.files.length === 0) return note(`the files of ${base.name} are not on this machine`);
  try {
    const python = await anyPython(context);
    return { fit: await loraFit(path, base.files, { python, env: context.env }), note: [] };
  } catch (error) {
    if (error instanceof VisiontrainError) return note(error.message);
    throw error;
  }
}

/**
 * Problems with the fit. Readers skip layers that the base lacks, which is a problem only when no layer is left; wrong
 * sizes make them fail.
 */
function fitProblems({ missing, unfit, parts }: LoraFit): LoraProblem[] {
  const fits = Object.values(parts).reduce((sum, part) => sum + part.fits, 0);
  const [first] = unfit;
  return [
    ...(missing.length === 0
      ? []
      : [
          {
            level: fits === 0 ? 'bad' : 'note',
            text: `the base lacks ${plural(missing.length, 'layer')}: ${some(missing)}`,
          } as const,
        ]),
    ...(first === undefined
      ? []
      : [
          {
            level: 'bad',
            text: `${plural(unfit.length, 'layer')} of other sizes than the base’s: ${some(unfit.map(({ module }) => module))} (${first.has.join(' × ')}, there ${first.base.join(' × ')})`,
          } as const,
        ]),
  ];
}

const some = (names: readonly string[]): string =>
  `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;

function show({ path, sound, base, layers, problems, fit }: Checked, out: Context['out']): void {
  const facts = `${base ?? 'unknown base'}, ${plural(layers, 'layer')}`;
  out.data(neutralise(`${sound ? 'sound' : 'NOT SOUND'}  ${path}  (${facts})`));
  for (const [part, { fits, missing, unfit }] of Object.entries(fit?.parts ?? {}))
    out.data(neutralise(`  ${part}: ${fits} of ${plural(fits + missing + unfit, 'layer')} fit`));
  for (const { level, text: sentence } of problems)
    out.data(neutralise(`  ${level === 'bad' ? 'problem' : 'note'}: ${sentence}`));
}
