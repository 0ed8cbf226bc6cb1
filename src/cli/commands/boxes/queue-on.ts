/**
 * Carries out `queue add … --on HOST[,HOST…]`: puts runs into the queues of other machines, each where the fewest are
 * waiting.
 */
import { z } from 'zod';
import { EXIT, type ExitCode } from '../../../base/errors.ts';
import { plural } from '../../../base/text.ts';
import type { BoxAccess } from '../../../engine/boxes/far.ts';
import { findBox } from '../../../engine/boxes/known.ts';
import { farCommand } from '../../../engine/boxes/program.ts';
import { runThere } from '../../../engine/boxes/ssh.ts';
import type { LoadedSpec } from '../../../engine/prepare/load.ts';
import { keepSweep, sweepGroup } from '../../../engine/search/folder.ts';
import type { Registry } from '../../../registry/catalogue/schema.ts';
import type { Context } from '../../shell/context.ts';
import { type Options, texts } from '../shared/options.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import { connect } from './connect.ts';
import { farOutcome, startThere } from './on.ts';

export interface FarWanted {
  readonly loaded: LoadedSpec;
  readonly name: string;
  /** Further texts for `--set` after the typed ones: the values of a sweep. */
  readonly overrides: readonly string[];
  /** The settings in which it differs from the other runs of its sweep; undefined for a run outside of sweeps. */
  readonly values?: Readonly<Record<string, unknown>> | undefined;
}

const queueSchema = z.object({
  waiting: z.array(z.object({ run: z.string() })),
  started: z.array(z.string()),
});
const runsSchema = z.array(z.object({ state: z.string() }));

/** Milliseconds for a short request to a box. */
const LIMIT = 120_000;

interface Busy {
  readonly far: BoxAccess;
  /** Number of live and waiting runs there. */
  load: number;
}

export async function queueOn(
  hosts: string,
  wanted: readonly FarWanted[],
  { registry, options, context }: { readonly registry: Registry; readonly options: Options; readonly context: Context },
): Promise<ExitCode> {
  const { out, flags, places } = context;
  const boxes = [...new Set(hosts.split(','))].map((name) => findBox(name.trim(), places.config));
  const stop = stopSignals('What was queued so far stays in the queue over there.');
  const queued: { readonly run: string; readonly host: string }[] = [];
  const isSweep = wanted.length > 1 && wanted.some(({ values }) => values !== undefined);
  const group = isSweep ? sweepGroup(places.runs) : undefined;
  const keep = (members: readonly { readonly run: string; readonly host: string }[]) =>
    group === undefined
      ? undefined
      : keepSweep(places.runs, group, { version: 1, name: nameOf(wanted, group), search: null, members: [...members] });
  try {
    const busy: Busy[] = await Promise.all(
      boxes.map(async (box) => {
        const far = await connect(box, context, { signal: stop.signal });
        return { far, load: await loadOf(far) };
      }),
    );
    for (const { loaded, name, overrides, values } of wanted) {
      const [least] = busy.toSorted((a, b) => a.load - b.load);
      if (least === undefined) break;
      const job = {
        loaded,
        registry,
        name,
        overrides: [...texts(options.set), ...overrides],
        command: ['queue', 'add'],
        sweep: group === undefined || values === undefined ? undefined : { group, values },
      };
      const stdout = await startThere(least.far, job, { options, context });
      const { waiting } = farOutcome(stdout, least.far.line.box.name, queueSchema);
      least.load += 1;
      queued.push({ run: waiting.at(-1)?.run ?? name, host: least.far.line.box.name });
      // Stored after each run, so that the runs already queued belong to the sweep if the connection drops.
      keep(queued);
    }
    const started = await Promise.all(busy.map(({ far }) => startQueue(far)));
    const running = new Set(started.flat());
    tell(queued, running, { out, flags });
    if (group !== undefined && !flags.json)
      out.talk(`When they are over:  visiontrain fetch ${group}   brings them home and compares them`);
  } finally {
    stop.off();
  }
  return EXIT.ok;
}

/** The start that the names of all runs of a sweep share. */
const nameOf = ([first]: readonly FarWanted[], group: string): string => first?.loaded.spec.name ?? group;

/** Starts the queue on the box, which nobody else would do. Returns the names of the started runs as `host:run`. */
async function startQueue(far: BoxAccess): Promise<string[]> {
  const { stdout } = await runThere(far.line, farCommand(far, ['queue', 'run', '--json']), { limit: LIMIT });
  const { name } = far.line.box;
  return farOutcome(stdout, name, queueSchema).started.map((run) => `${name}:${run}`);
}

async function loadOf(far: BoxAccess): Promise<number> {
  const { name } = far.line.box;
  const ask = async <T>(words: string[], schema: z.ZodType<T>) =>
    farOutcome((await runThere(far.line, farCommand(far, words), { limit: LIMIT })).stdout, name, schema);
  const { waiting } = await ask(['queue', 'list', '--json'], queueSchema);
  const live = (await ask(['ps', '--json'], runsSchema)).filter(({ state }) => state === 'live');
  return waiting.length + live.length;
}

function tell(
  queued: readonly { readonly run: string; readonly host: string }[],
  running: ReadonlySet<string>,
  { out, flags }: Pick<Context, 'out' | 'flags'>,
): void {
  const names = queued.map(({ run, host }) => `${host}:${run}`);
  if (flags.json) {
    const waiting = names.filter((name) => !running.has(name));
    out.json({
      waiting: waiting.map((run) => ({ run, device: '', problem: null, held: false, after: null, state: 'waits' })),
      started: [...running],
    });
    return;
  }
  out.talk(`${plural(queued.length, 'run')} more in the queues of other machines.`);
  for (const name of names) out.data(`${name}   ${running.has(name) ? 'is running' : 'waits'}`);
  out.talk('  visiontrain ps --all');
}
