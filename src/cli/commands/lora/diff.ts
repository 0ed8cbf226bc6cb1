/** Carries out `lora diff A B`: compares the metadata of two LoRA files, and their weight changes. */
import { EXIT, UsageError } from '../../../base/errors.ts';
import { neutralise, plural, shorten } from '../../../base/text.ts';
import type { LoraInspection } from '../../../engine/lora/inspect.ts';
import { type LoraApart, type LoraDifference, loraDifference } from '../../../engine/lora/tools.ts';
import { readSafetensorsHeader } from '../../../registry/checkpoints/safetensors.ts';
import { table } from '../../../terminal/table.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { anyPython } from '../shared/any-python.ts';
import { baseFiles } from './base-files.ts';
import { inspected, loraPaths } from './files.ts';

/** Most characters of a value of the metadata, and most keys, that are shown. */
const [LONGEST, MOST_KEYS] = [60, 40];

interface MetadataPair {
  readonly key: string;
  readonly first: string | null;
  readonly second: string | null;
}

export const run: CommandRun = async (files, options, context) => {
  const { out, flags, env } = context;
  const [first, second, ...more] = loraPaths(files, 'diff');
  if (first === undefined || second === undefined || more.length > 0)
    throw new UsageError(`lora diff takes two LoRA files; ${files.length} are given.`, {
      id: 'command/wrong',
      nextSteps: ['visiontrain lora diff A.safetensors B.safetensors'],
    });
  const both = [inspected(first), inspected(second)] as const;
  const metadata = metadataPairs(first, second);
  const base = baseFiles(options, context);
  const difference = await loraDifference([first, second], base, { python: await anyPython(context), env });
  if (flags.json) {
    const [a, b] = both.map(({ path, kinds, base, layers, ranks, payload_sha256 }) => ({
      ...{ path, kinds, base, layers },
      ranks: [...ranks],
      payload_sha256,
    }));
    out.json({ first: a, second: b, ...difference, metadata });
  } else show(both, metadata, { difference, out });
  return EXIT.ok;
};

/** Keys of the metadata whose values differ. */
function metadataPairs(first: string, second: string): readonly MetadataPair[] {
  const [a, b] = [readSafetensorsHeader(first).metadata, readSafetensorsHeader(second).metadata];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .sort()
    .map((key) => ({ key, first: a[key] ?? null, second: b[key] ?? null }))
    .filter((pair) => pair.first !== pair.second);
}

interface Shown {
  readonly difference: LoraDifference;
  readonly out: Context['out'];
}

function show(both: readonly LoraInspection[], metadata: readonly MetadataPair[], { difference, out }: Shown): void {
  const say = (text: string) => out.data(neutralise(text));
  both.forEach(({ path, base, layers, ranks, kinds }, i) => {
    const found = [...new Set(ranks.map(({ rank }) => rank ?? 'unknown'))].sort((a, b) => Number(a) - Number(b));
    const rank = found.length === 1 ? `rank ${found[0]}` : `ranks ${found[0]} to ${found.at(-1)}`;
    const facts = [Object.keys(kinds).join(', '), base ?? 'unknown base', plural(layers, 'layer'), rank];
    say(`${i === 0 ? 'A' : 'B'}  ${path}  (${facts.join(', ')})`);
  });
  const { whole, blocks } = difference;
  say('');
  if (both[0]?.payload_sha256 !== null && both[0]?.payload_sha256 === both[1]?.payload_sha256)
    say('Their weights are the same, byte by byte.');
  else say(sentence(whole));
  const head = ['block', 'layers', '‖A‖', '‖B‖', '‖A − B‖ ÷ ‖A‖', 'cosine'];
  const rows = blocks.map((block) => [
    block.block.replaceAll('_', ' '),
    String(block.layers),
    ...[block.first, block.second, block.distance, block.cosine].map(digits),
  ]);
  if (rows.length > 0)
    for (const line of table(head, rows, { width: out.width, expendable: ['layers'] })) out.data(line);
  const { only_first: a, only_second: b, not_compared: unlike } = difference;
  for (const [what, names] of [
    ['Only in A', a],
    ['Only in B', b],
    ['In both, of sizes or kinds that cannot be compared', unlike],
  ] as const)
    if (names.length > 0) say(`${what}: ${plural(names.length, 'layer')} (${names[0]}${names.length > 1 ? ' …' : ''})`);
  if (metadata.length === 0) return;
  say('');
  say('What they tell of themselves:');
  for (const { key, first, second } of metadata.slice(0, MOST_KEYS))
    say(`  ${key}: ${short(first)} | ${short(second)}`);
  if (metadata.length > MOST_KEYS) say(`  and ${metadata.length - MOST_KEYS} more keys`);
}

const sentence = ({ distance, cosine }: LoraApart): string =>
  distance === null
    ? 'They have no layer in common that could be compared.'
    : `They lie ${digits(distance)} of A’s weight change apart; the cosine of their changes is ${digits(cosine)}.`;

const digits = (value: number | null): string =>
  value === null ? '-' : value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(1) : value.toFixed(3);

const short = (value: string | null): string => (value === null ? 'not told' : shorten(value, LONGEST));
