import { EXIT, UsageError } from '../../../base/errors.ts';
import { plural } from '../../../base/text.ts';
import { heldBy, liveRuns } from '../../../engine/queue/advance.ts';
import { type QueueEntry, queueEntries } from '../../../engine/queue/entries.ts';
import { table } from '../../../terminal/table.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import type { FarEntry } from '../boxes/queue-all.ts';
import { sweepLines, sweepViews } from '../sweep/lines.ts';

/** Shows the waiting runs in the order of their start; with `--all` also those on other machines. */
export const run: CommandRun = async (what, options, context) => {
  if (what.length > 0) throw new UsageError('queue list takes nothing behind it.', { id: 'command/wrong' });
  const { runs } = context.places;
  if (options.all !== true) {
    showQueue(queueEntries(runs), [], context);
    return EXIT.ok;
  }
  const { farQueues } = await import('../boxes/queue-all.ts');
  const far = await farQueues(context);
  showQueue(queueEntries(runs), [], context, { far: far.flatMap(({ answer }) => answer ?? []) });
  for (const { box, error } of far)
    if (error !== undefined && context.flags.json) context.out.talkJson({ host: box, error: error.message });
    else if (error !== undefined) context.out.wrapped(`! ${error.message}`);
  return EXIT.ok;
};

/** Prints the queue, the runs that were just started from it, and those that wait elsewhere. */
export function showQueue(
  entries: readonly QueueEntry[],
  started: readonly string[],
  { out, flags, places }: Context,
  { far }: { readonly far: readonly FarEntry[] } = { far: [] },
): void {
  const own = entries.map(({ run: name, device, problem, held, after }, i) => ({
    ...{ run: name, device, problem: problem ?? null, held: held === true, after: after ?? null },
    state: heldBy(places.runs, entries[i] as QueueEntry) ?? 'waits',
  }));
  const waiting = [...own, ...far];
  if (flags.json) {
    out.json({ waiting, started: [...started], sweeps: sweepViews(places.runs) });
    return;
  }
  for (const name of started) out.talk(`${name} is running.  visiontrain attach ${name}`);
  if (waiting.length === 0)
    out.talk(started.length > 0 ? 'Nothing else waits.' : 'Nothing waits.  visiontrain queue add run.yaml');
  const rows = waiting.map(({ run: name, device, state }, i) => [
    // Only entries in the queue of this machine have a place.
    ...[i < own.length ? String(i + 1) : '', name, device, state],
  ]);
  const room = { width: out.width, expendable: ['DEVICE'], apart: 'RUN' };
  if (rows.length > 0) for (const line of table(['#', 'RUN', 'DEVICE', 'STATE'], rows, room)) out.data(line);
  if (own.some(({ state }) => state === 'waits')) out.talk(whyTheyWait(liveRuns(places.runs)));
  for (const line of sweepLines(sweepViews(places.runs))) out.wrapped(line);
}

/** What the runs wait for: a run that ends starts the next, and nothing starts one where nothing goes on. */
function whyTheyWait(live: readonly string[]): string {
  if (live.length === 0) return 'Nothing goes on here.  visiontrain queue run   starts the first';
  const [first, ...others] = live;
  return others.length === 0
    ? `${first} goes on now.`
    : `${first} and ${plural(others.length, 'other run')} go on now.`;
}
