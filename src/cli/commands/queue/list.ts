import { EXIT, UsageError } from '../../../base/errors.ts';
import { heldBy } from '../../../engine/queue/advance.ts';
import { type QueueEntry, queueEntries } from '../../../engine/queue/entries.ts';
import { table } from '../../../terminal/table.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { sweepLines, sweepViews } from '../sweep/lines.ts';

/** Shows what waits, in the order in which it is started. */
export const run: CommandRun = async (what, _options, context) => {
  if (what.length > 0) throw new UsageError('queue list takes nothing behind it.', { id: 'command/wrong' });
  showQueue(queueEntries(context.places.runs), [], context);
  return EXIT.ok;
};

/** Prints the queue and what was just started from it. */
export function showQueue(
  entries: readonly QueueEntry[],
  started: readonly string[],
  { out, flags, places }: Context,
): void {
  if (flags.json) {
    const waiting = entries.map(({ run, device, problem, held, after }) => ({
      ...{ run, device, problem: problem ?? null, held: held === true, after: after ?? null },
    }));
    out.json({ waiting, started: [...started], sweeps: sweepViews(places.runs) });
    return;
  }
  for (const name of started) out.talk(`${name} is running.  visiontrain attach ${name}`);
  if (entries.length === 0)
    out.talk(started.length > 0 ? 'Nothing else waits.' : 'Nothing waits.  visiontrain queue add run.yaml');
  else showWaiting(entries, { out, places });
  for (const line of sweepLines(sweepViews(places.runs))) out.wrapped(line);
}

function showWaiting(entries: readonly QueueEntry[], { out, places }: Pick<Context, 'out' | 'places'>): void {
  const rows = entries.map((entry, i) => [
    String(i + 1),
    entry.run,
    entry.device,
    heldBy(places.runs, entry) ?? 'waits',
  ]);
  const room = { width: out.width, expendable: ['DEVICE'] };
  for (const line of table(['#', 'RUN', 'DEVICE', 'STATE'], rows, room)) out.data(line);
}
