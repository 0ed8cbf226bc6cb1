import { EXIT } from '../../base/errors.ts';
import { formatDuration, neutralise, percent, plural } from '../../base/text.ts';
import { formatWhen } from '../../base/when.ts';
import { queueEntries } from '../../engine/queue/entries.ts';
import { listNewest, listRows, listRuns, newestRows } from '../../engine/runs/list.ts';
import type { RunRow } from '../../engine/runs/summary.ts';
import { table } from '../../terminal/table.ts';
import type { CommandRun } from '../shell/context.ts';

/** Lists live and past runs by reading their folders alone: the newest, unless older ones are asked for. */
export const run: CommandRun = async (_args, options, context) => {
  const { out, places, flags } = context;
  const entries = queueEntries(places.runs).map((entry, i) => [entry.run, { ...entry, place: i + 1 }] as const);
  // A kill during a move may leave a run under two places, of which the first counts.
  const waiting = new Map(entries.toReversed());
  // A run that has not begun has no device; a waiting one gets the card for which it waits.
  const withCard = <T extends RunRow>(run: T): T => {
    const device = run.device ?? waiting.get(run.name)?.device ?? null;
    return device === run.device ? run : { ...run, device };
  };
  const far = options.all === true ? await (await import('./boxes/ps.ts')).farRuns(context) : [];
  const others = far.flatMap((box) => box.runs);
  if (flags.json) {
    out.json([...(await listRuns(places.runs)).map(withCard), ...others]);
    for (const { box, error } of far) if (error !== undefined) out.talkJson({ host: box, error: error.message });
    return EXIT.ok;
  }
  const now = new Date();
  const names = new Set(waiting.keys());
  const isWhole = options.older === true;
  const here = await (isWhole ? listRows(places.runs, places.cache) : listNewest(places.runs, places.cache, names));
  const both = [...here.rows.map(withCard), ...others];
  const runs = isWhole || others.length === 0 ? both : newestRows(both, names, now.getTime() / 1000);
  const older = here.older + both.length - runs.length;
  for (const { error } of far) if (error !== undefined) out.wrapped(`! ${error.message}`);
  if (runs.length === 0) {
    out.talk(`There are no runs in ${places.runs} yet.  visiontrain   makes one`);
    return EXIT.ok;
  }
  const rows = inQueueOrder(runs, waiting).map((r) => [
    r.name,
    queuedText(r, waiting.get(r.name)) ?? stateText(r),
    stepText(r),
    leftText(r),
    r.device ?? '-',
    formatWhen(r.started_at, now),
  ]);
  const room = { width: out.width, expendable: ['STARTED', 'DEVICE', 'LEFT'], apart: 'RUN' };
  out.data(...table(['RUN', 'STATE', 'STEP', 'LEFT', 'DEVICE', 'STARTED'], rows, room));
  for (const { name, problem } of runs) if (problem !== null) out.wrapped(neutralise(`! ${name}: ${problem}`));
  if (older > 0)
    out.talk(`${plural(older, 'older run')}:  visiontrain ps ${options.all === true ? '--all ' : ''}--older`);
  return EXIT.ok;
};

interface Place {
  readonly place: number;
  readonly held?: boolean | undefined;
}

/** Place in the queue of a waiting run. */
const queuedText = ({ state }: RunRow, entry: Place | undefined): string | undefined =>
  entry === undefined || state === 'live' ? undefined : `${entry.held === true ? 'held' : 'queued'} (${entry.place})`;

/** The rows with those that wait in the order in which they will start, where they stand among the others. */
function inQueueOrder(runs: readonly RunRow[], waiting: ReadonlyMap<string, Place>): RunRow[] {
  const place = ({ name }: RunRow) => waiting.get(name)?.place ?? 0;
  const queued = runs.filter((run) => place(run) > 0).sort((a, b) => place(a) - place(b));
  return runs.map((run) => (place(run) > 0 ? (queued.shift() ?? run) : run));
}

function stateText({ state, phase, step, steps, supervised }: RunRow): string {
  if (state !== 'live') return state;
  if (phase !== 'train') return phase ?? 'starting';
  const share = steps > 0 ? `  ${percent(step, steps)}` : '';
  return `training${share}${supervised ? '' : ' (alone)'}`;
}

const stepText = ({ step, steps }: RunRow): string => (steps > 0 ? `${step}/${steps}` : '-');

function leftText({ state, seconds_left }: RunRow): string {
  if (state === 'stopped' || state === 'died' || state === 'failed') return 'resume';
  return seconds_left === null ? '-' : formatDuration(seconds_left);
}
