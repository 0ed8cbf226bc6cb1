/**
 * Carries out `models rm ID…`: removes the downloaded files of an entry, and the entry itself if the person added it.
 * With `--partials` it removes unfinished downloads.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, UsageError } from '../../../base/errors.ts';
import { sizeOf } from '../../../base/files/disk.ts';
import { formatBytes, plural } from '../../../base/text.ts';
import { listAllPartials, listPartials, removePartial } from '../../../download/file/partials.ts';
import { runsThatNeed } from '../../../engine/runs/uses.ts';
import { findEntry, loadRegistry } from '../../../registry/catalogue/load.ts';
import { filePath } from '../../../registry/catalogue/locate.ts';
import { removeOwnEntry } from '../../../registry/catalogue/own.ts';
import type { AnyEntry } from '../../../registry/catalogue/schema.ts';
import type { CommandRun, Context } from '../../shell/context.ts';

export const run: CommandRun = async (ids, options, context) => {
  const { out, places, flags } = context;
  if (ids.length === 0 && options.partials !== true)
    throw new UsageError('Remove what?', {
      id: 'command/wrong',
      nextSteps: ['visiontrain models rm ID', 'visiontrain models rm --partials'],
    });
  const registry = loadRegistry({ configDir: places.config });
  const entries = ids.map((id) => findEntry(registry, id));
  for (const entry of entries)
    if (entry.embedded !== undefined)
      throw new UsageError(`${entry.id} is built in and takes no room.`, { id: 'model/built-in' });
  for (const entry of entries)
    if (listPartials(join(places.models, entry.id)).some(({ busy }) => busy))
      throw new UsageError(`${entry.id} is being fetched right now.`, {
        id: 'model/in-use',
        nextSteps: ['Stop that process first (Ctrl-C keeps what it has), then remove it.'],
      });
  if (options.force !== true) for (const entry of entries) await refuseNeeded(entry, context);
  const removed = entries.map((entry) => removeEntry(entry, context));
  const partials = options.partials === true ? removePartials(context) : [];
  if (flags.json) {
    out.json({ removed, partials });
    return EXIT.ok;
  }
  for (const { id, bytes, entry } of removed)
    out.talk(`${id}: ${formatBytes(bytes)} freed${entry ? ', entry removed' : ''}.`);
  if (options.partials === true) {
    const bytes = partials.reduce((sum, partial) => sum + partial.bytes, 0);
    out.talk(`${plural(partials.length, 'unfinished file')} removed, ${formatBytes(bytes)} freed.`);
  }
  return EXIT.ok;
};

/**
 * Refuses to remove a model in use.
 * @throws UsageError when a run that is live, or can be resumed, needs the model
 */
async function refuseNeeded({ id }: AnyEntry, { places }: Context): Promise<void> {
  const runs = await runsThatNeed(id, join(places.models, id), places.runs);
  if (runs.length === 0) return;
  const live = runs.some(({ state }) => state === 'live');
  throw new UsageError(`${id} is needed by ${plural(runs.length, 'run')}; nothing was removed.`, {
    id: 'model/in-use',
    details: runs.map(({ name, state }) => `${name} (${state === 'live' ? 'running' : `${state}, can be resumed`})`),
    nextSteps: [
      ...(live ? ['visiontrain stop RUN   ends one that runs'] : []),
      `visiontrain models rm ${id} --force   removes it all the same: they then fail, or cannot be resumed`,
    ],
  });
}

/** Removes an entry. Files outside our own folder belong to the person, and stay. */
function removeEntry(entry: AnyEntry, { places }: Context) {
  const own = entry.files.filter((file) => file.local === undefined);
  const bytes = own.reduce((sum, file) => sum + (sizeOf(filePath(entry, file, places)) ?? 0), 0);
  const folder = join(places.models, entry.id);
  if (existsSync(folder)) rmSync(folder, { recursive: true });
  const added = entry.added_in !== undefined;
  if (entry.added_in !== undefined) removeOwnEntry(entry.added_in, entry.id);
  return { id: entry.id, bytes, entry: added };
}

function removePartials({ places, out, flags }: Context) {
  return listAllPartials(places).filter((partial) => {
    const gone = removePartial(partial);
    if (!gone && !flags.json)
      out.talk(
        `${partial.path} ${partial.kind === 'unreadable' ? 'cannot be read' : 'is being fetched right now'}; it stays.`,
      );
    return gone;
  });
}
