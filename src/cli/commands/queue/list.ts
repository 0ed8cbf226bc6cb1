import { EXIT, UsageError } from '../../../base/errors.ts';
import { type QueueEntry, queueEntries } from '../../../engine/queue/entries.ts';
import { table } from '../../../terminal/table.ts';
import type { CommandRun, Context } from '../../shell/context.ts';

/** Shows what waits, in the order in which it is started. */
export const run: CommandRun = async (what, _options, context) => {
  if (what.length > 0) throw new UsageError('queue list takes nothing behind it.', { id: 'command/wrong' });
  showQueue(queueEntries(context.places.runs), [], context);
  return EXIT.ok;
};

/** Prints the queue and what was just started from it. */
export function showQueue(entries: readonly QueueEntry[], started: readonly string[], { out, flags }: Context): void {
  if (flags.json) {
    const waiting = entries.map(({ run, device, problem }) => ({ run, device, problem: problem ?? null }));
    out.json({ waiting, started: [...started] });
    return;
  }
  for (const name of started) out.talk(`${name} is running.  visiontrain attach ${name}`);
  if (entries.length === 0) {
    out.talk(started.length > 0 ? 'Nothing else waits.' : 'Nothing waits.  visiontrain queue add run.yaml');
    return;
  }
  const rows = entries.map(({ run: name, device, problem }, i) => [
    String(i + 1),
    name,
    device,
    problem === undefined ? 'waits' : `cannot start: ${problem}`,
  ]);
  const room = { width: out.width, expendable: ['DEVICE'] };
  for (const line of table(['#', 'RUN', 'DEVICE', 'STATE'], rows, room)) out.data(line);
}
