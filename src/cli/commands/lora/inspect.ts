import { EXIT } from '../../../base/errors.ts';
import { formatBytes, neutralise, plural, shorten } from '../../../base/text.ts';
import type { LoraInspection, RankCount } from '../../../engine/lora/inspect.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { inspected, loraPaths } from './files.ts';

/** Characters of a text of the metadata that are shown. */
const LONGEST = 160;
/** Groups of layers with the same rank and alpha that are listed. */
const MOST_RANKS = 8;

/** Tells what LoRA files hold. */
export const run: CommandRun = async (files, _options, { out, flags }) => {
  const found = loraPaths(files, 'inspect').map(inspected);
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

function show(lora: LoraInspection, out: Context['out']): void {
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
    ...rankLines(lora.ranks),
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
  glora: 'GLoRA',
  ia3: '(IA)3',
  full: 'full differences',
};

function rankLines(ranks: readonly RankCount[]): [string, string][] {
  const lines = ranks.slice(0, MOST_RANKS).map(({ part, rank, alpha, layers }): [string, string] => {
    const name = part === 'unet' ? 'U-Net' : part;
    return [
      '',
      `${name}: ${plural(layers, 'layer')} of rank ${rank ?? 'unknown'}, alpha ${alpha ?? 'not told (the rank)'}`,
    ];
  });
  if (ranks.length > MOST_RANKS) lines.push(['', `and ${ranks.length - MOST_RANKS} more kinds of layer`]);
  return lines.map(([, text], i) => [i === 0 ? 'Layers' : '', text]);
}
