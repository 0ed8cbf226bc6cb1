/** `models list`: what there is, what of it is here, and what lies around unfinished. */
import { listAllPartials, type Partial } from '../../engine/download/partials.ts';
import { formatBytes, formatDuration } from '../../engine/text.ts';
import { loadRegistry } from '../../registry/load.ts';
import { locateModel } from '../../registry/locate.ts';
import type { AnyEntry } from '../../registry/schema.ts';
import type { CommandRun, Context } from '../context.ts';
import { table } from '../table.ts';

export const run: CommandRun = async (_args, _options, context) => {
  const { out, places, flags } = context;
  const registry = loadRegistry({ configDir: places.config });
  const partials = listAllPartials(places);
  const entries: readonly AnyEntry[] = [...registry.models, ...registry.assets];
  if (flags.json) {
    out.json({ models: entries.map((entry) => summary(entry, context)), partials });
    return undefined;
  }
  const rows = entries.map((entry) => {
    const facts = summary(entry, context);
    return [facts.id, facts.what, facts.bytes === null ? '' : formatBytes(facts.bytes), facts.state, facts.title];
  });
  for (const line of table(['ID', 'FOR', 'SIZE', 'HERE', 'WHAT'], rows)) out.data(line);
  for (const line of partialLines(partials)) out.data(line);
  return undefined;
};

/** What `--json` says of an entry. */
export function summary(entry: AnyEntry, { places }: Context) {
  const located = locateModel(entry, places);
  const sizes = entry.files.map((file) => file.bytes);
  const bytes =
    entry.embedded !== undefined || sizes.includes(undefined)
      ? null
      : sizes.reduce<number>((sum, n) => sum + (n ?? 0), 0);
  return {
    id: entry.id,
    title: entry.title,
    kind: entry.kind,
    what: entry.kind === 'base' ? entry.family : entry.kind,
    state: entry.embedded !== undefined ? 'built in' : located.ready ? 'yes' : '',
    ready: located.ready,
    path: located.path,
    bytes,
    license: entry.license,
    added: entry.added_in !== undefined,
  };
}

const words = { unfinished: 'unfinished', 'wrong-hash': 'wrong hash', other: 'was in the way' } as const;

function partialLines(partials: readonly Partial[]): string[] {
  if (partials.length === 0) return [];
  const rows = partials.map(({ kind, bytes, total, age, busy, path }) => [
    busy ? 'being fetched' : words[kind],
    total === undefined ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(total)}`,
    `${formatDuration(age)} ago`,
    path,
  ]);
  return [
    '',
    ...table(['UNFINISHED', 'SIZE', 'LAST', 'FILE'], rows),
    '',
    'Remove them: visiontrain models rm --partials',
  ];
}
