/** Carries out `models list`: lists the models, which of their files are here, and unfinished downloads. */

import { EXIT } from '../../../base/errors.ts';
import { formatBytes, formatDuration } from '../../../base/text.ts';
import { listAllPartials, type Partial } from '../../../download/file/partials.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import { locateModel } from '../../../registry/catalogue/locate.ts';
import type { AnyEntry } from '../../../registry/catalogue/schema.ts';
import { styleFor } from '../../../terminal/style.ts';
import { table, tableOrRecords } from '../../../terminal/table.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { shownLicense } from './shown.ts';

export const run: CommandRun = async (_args, _options, context) => {
  const { out, places, flags, terminal } = context;
  const registry = loadRegistry({ configDir: places.config });
  const partials = listAllPartials(places);
  const entries: readonly AnyEntry[] = [...registry.models, ...registry.assets];
  if (flags.json) {
    out.json({ models: entries.map((entry) => summary(entry, context)), partials });
    return EXIT.ok;
  }
  const rows = entries.map((entry) => {
    const facts = summary(entry, context);
    return [facts.id, facts.what, facts.bytes === null ? '' : formatBytes(facts.bytes), facts.state, facts.title];
  });
  // When the table is too wide, the full name is left out first, since the id says enough, and then the purpose.
  const { unicode } = terminal;
  const { ellipsis } = styleFor({ colour: 0, unicode }).glyph;
  const room = { width: out.width, expendable: ['WHAT', 'FOR'], ellipsis };
  for (const line of table(['ID', 'FOR', 'SIZE', 'HERE', 'WHAT'], rows, room)) out.data(line);
  for (const line of partialLines(partials, out.width)) out.data(line);
  if (out.width !== undefined)
    for (const line of ['', 'More of one: visiontrain models info ID', 'Fetch it:    visiontrain models pull ID'])
      out.talk(line);
  return EXIT.ok;
};

/** An entry in the output of `--json`. */
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
    license: shownLicense(entry),
    added: entry.added_in !== undefined,
  };
}

const words = {
  unreadable: 'cannot be read',
  unfinished: 'unfinished',
  'wrong-hash': 'wrong hash',
  other: 'was in the way',
} as const;

function partialLines(partials: readonly Partial[], room: number | undefined): string[] {
  if (partials.length === 0) return [];
  const rows = partials.map(({ kind, bytes, total, age, busy, path }) => [
    busy ? 'being fetched' : words[kind],
    kind === 'unreadable'
      ? ''
      : total === undefined
        ? formatBytes(bytes)
        : `${formatBytes(bytes)} of ${formatBytes(total)}`,
    kind === 'unreadable' ? '' : `${formatDuration(age)} ago`,
    path,
  ]);
  const lines = tableOrRecords(['STATE', 'SIZE', 'LAST', 'FILE'], rows, { width: room, apart: 1 });
  return ['', 'Unfinished or set aside:', ...lines, '', 'Remove them: visiontrain models rm --partials'];
}
