import { EXIT, VisiontrainError } from '../../../base/errors.ts';
import { formatBytes, neutralise, plural, shorten } from '../../../base/text.ts';
import type { LoraInspection, RankCount } from '../../../engine/lora/inspect.ts';
import { type LoraNorms, loraNorms } from '../../../engine/lora/tools.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { anyPython } from '../shared/any-python.ts';
import { baseFiles } from './base-files.ts';
import { inspected, loraPaths } from './files.ts';

/** Most characters of a text of the metadata that are shown. */
const LONGEST = 160;
/** Most groups of layers with the same rank and alpha that are listed. */
const MOST_RANKS = 8;

/** Shows the contents of LoRA files. */
export const run: CommandRun = async (files, options, context) => {
  const { out, flags } = context;
  const base = baseFiles(options, context);
  const found: Inspected[] = [];
  for (const path of loraPaths(files, 'inspect')) found.push(await inspectedWithNorms(path, base, context));
  if (flags.json) {
    out.json(found);
    return EXIT.ok;
  }
  found.forEach((inspection, i) => {
    if (i > 0) out.data('');
    show(inspection, out);
  });
  return EXIT.ok;
};

interface Inspected extends LoraInspection {
  /** Null when they were not measured; `unmeasured` says why. */
  readonly norms: LoraNorms | null;
  readonly unmeasured: string | null;
}

type Measured = Pick<Inspected, 'norms' | 'unmeasured'>;

async function inspectedWithNorms(path: string, base: readonly string[], context: Context): Promise<Inspected> {
  // The header alone shows most problems. Python measures while this process reads the numbers.
  const isWhole = !inspected(path, { numbers: false }).problems.some(({ level }) => level === 'bad');
  const measuring = isWhole ? normsOf(path, base, context) : undefined;
  // Python is started before this process reads, because reading blocks it.
  await new Promise((resolve) => setImmediate(resolve));
  const lora = inspected(path);
  const isSound = !lora.problems.some(({ level }) => level === 'bad');
  const measured = await measuring;
  return { ...lora, ...(isSound && measured !== undefined ? measured : NOT_SOUND) };
}

const NOT_SOUND: Measured = { norms: null, unmeasured: 'the file is not sound' };

async function normsOf(path: string, base: readonly string[], context: Context): Promise<Measured> {
  try {
    const python = await anyPython(context);
    return { norms: await loraNorms(path, base, { python, env: context.env }), unmeasured: null };
  } catch (error) {
    // A file that Python cannot read is shown without measurements, and so is every file before `visiontrain setup`.
    if (!(error instanceof VisiontrainError)) throw error;
    const why = error.id === 'environment/setup' ? 'Python is not set up (visiontrain setup)' : error.message;
    return { norms: null, unmeasured: why };
  }
}

/** The share of the weight changes in each block, in three columns. */
function normLines({ norms, unmeasured }: Inspected): [string, string][] {
  if (norms === null) return [['Changes', `not measured: ${unmeasured ?? 'unknown'}`]];
  const count = plural(norms.unmeasured.length, 'layer');
  if (norms.blocks.length === 0)
    return [['Changes', `not measured: it depends on the base (--base MODEL) in ${count}`]];
  const left = norms.unmeasured.length === 0 ? '' : `; ${count} cannot be measured without --base`;
  const blocks = norms.blocks.map(
    ({ block, layers, norm }) =>
      `  ${block.replaceAll('_', ' ').padEnd(16)} ${norm.toFixed(3).padStart(9)}  (${layers})`,
  );
  return [
    ['Changes', `‖ΔW‖ ${norms.whole.toFixed(3)} in all${left}; by block:`],
    ...blocks.map((text): [string, string] => ['', text]),
  ];
}

function show(lora: Inspected, out: Context['out']): void {
  const { about } = lora;
  const kinds = Object.entries(lora.kinds).map(
    ([kind, count]) => `${KINDS[kind] ?? kind} in ${plural(count, 'layer')}`,
  );
  const formats = Object.entries(lora.formats).map(([format, count]) => `${format.toLowerCase()} (${count})`);
  const lines: [string, string | null][] = [
    ['File', lora.path],
    [
      'Size',
      `${formatBytes(lora.bytes)}, ${(lora.parameters / 1e6).toFixed(1)} million numbers, ${formats.join(', ')}`,
    ],
    ['Kind', kinds.length === 0 ? 'no LoRA' : `${kinds.join(', ')}; names as ${lora.form} writes them`],
    [
      'For',
      `${lora.base ?? 'a base that it does not tell'}${about.base === null ? '' : ` (trained on ${about.base})`}`,
    ],
    ['By', about.trainer],
    ...rankLines(lora.ranks),
    ...normLines(lora),
    ['Title', about.title],
    ['Author', about.author],
    ['Licence', about.license],
    ['Trigger', about.trigger],
    ['About', about.description],
    ...about.training.map(([label, value], i): [string, string] => [i === 0 ? 'Trained' : '', `${label}: ${value}`]),
    ['Tags', about.tags.length === 0 ? null : about.tags.map(({ tag, count }) => `${tag} ${count}`).join(', ')],
    ['SHA-256', lora.sha256],
    [
      'Weights',
      lora.payload_sha256 === null ? null : `${lora.payload_sha256} (A1111: ${lora.payload_sha256.slice(0, 12)})`,
    ],
    ...lora.problems.map(({ level, text }): [string, string] => [level === 'bad' ? 'Problem' : 'Note', text]),
  ];
  for (const [label, value] of lines)
    if (value !== null)
      out.data(
        `${label.padEnd(9)}${neutralise(['File', 'SHA-256'].includes(label) ? value : shorten(value, LONGEST))}`,
      );
}

const KINDS: Readonly<Record<string, string>> = {
  lora: 'LoRA',
  tucker: 'LoCon with a Tucker core',
  loha: 'LoHa',
  lokr: 'LoKr',
  dora: 'DoRA',
  oft: 'OFT',
  boft: 'BOFT',
  glora: 'GLoRA',
  ia3: '(IA)3',
  full: 'full differences',
  norm: 'differences of norms',
};

function rankLines(ranks: readonly RankCount[]): [string, string][] {
  const lines = ranks.slice(0, MOST_RANKS).map(({ part, rank, alpha, layers }): [string, string] => {
    const name = part === 'unet' ? 'U-Net' : part;
    const scale = rank === null ? 'without a rank' : `of rank ${rank}, alpha ${alpha ?? 'not told (the rank)'}`;
    return ['', `${name}: ${plural(layers, 'layer')} ${scale}`];
  });
  if (ranks.length > MOST_RANKS) lines.push(['', `and ${ranks.length - MOST_RANKS} more kinds of layer`]);
  return lines.map(([, text], i) => [i === 0 ? 'Layers' : '', text]);
}
