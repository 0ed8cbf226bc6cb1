/**
 * Carries out `run FILE --on BOX`: sends the files that the run needs, starts it on the box, watches it, and copies
 * the results home.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { EXIT, UsageError } from '../../../base/errors.ts';
import { neutralise } from '../../../base/text.ts';
import { askFar, type BoxAccess } from '../../../engine/boxes/far.ts';
import { BoxError } from '../../../engine/boxes/faults.ts';
import { findBox } from '../../../engine/boxes/known.ts';
import { sendAll } from '../../../engine/boxes/send.ts';
import { type SweepMember, startedSchema } from '../../../engine/boxes/serve.ts';
import { travelOf } from '../../../engine/boxes/travel.ts';
import { type LoadedSpec, loadSpec } from '../../../engine/prepare/load.ts';
import { presetsOf } from '../../../engine/presets/store.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import type { Registry } from '../../../registry/catalogue/schema.ts';
import { RUN_NAME } from '../../../spec/schema.ts';
import type { CommandRun, Context } from '../../shell/context.ts';
import { type Options, text, texts } from '../shared/options.ts';
import { presetAsSets, presetOption, tellPreset } from '../shared/preset-option.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import { connect, shareBar, textOf } from './connect.ts';
import { fetchRun } from './fetch.ts';
import { carryOut } from './forward.ts';

export const run: CommandRun = async ([file = ''], options, context) => {
  const { out, flags, places } = context;
  for (const name of ['dryRun', 'foreground'] as const)
    if (options[name] === true)
      throw new UsageError(`--${name === 'dryRun' ? 'dry-run' : name} is for runs on this machine: leave out --on.`, {
        id: 'command/wrong',
      });
  const registry = loadRegistry({ configDir: places.config });
  const typed = texts(options.set);
  const preset = presetOption(options, context);
  const loaded = loadSpec(file, { overrides: typed, registry, preset, own: presetsOf(places.config) });
  tellPreset(loaded, preset, context);
  const wanted = text(options.name) ?? loaded.spec.name;
  if (!RUN_NAME.test(wanted))
    throw new UsageError(`--name ${JSON.stringify(wanted)} cannot name a run.`, {
      id: 'run/name',
      nextSteps: ['Use letters, digits, dot, dash and underscore, 100 at most.'],
    });
  const box = findBox(text(options.on) ?? '', places.config);
  const stop = stopSignals(`Nothing was started. What was sent to ${box.name} is kept for the next time.`);
  let far: BoxAccess;
  let started: { readonly run: string; readonly dir: string };
  try {
    far = await connect(box, context, { signal: stop.signal });
    const job = {
      loaded,
      registry,
      name: wanted,
      overrides: [...typed, ...presetAsSets(loaded, typed)],
      command: ['run'],
    };
    started = farOutcome(await startThere(far, job, { options, context }), box.name, startSchema);
  } finally {
    stop.off();
  }
  const name = `${box.name}:${started.run}`;
  if (options.detach === true || flags.json) {
    if (flags.json) out.json({ run: name, dir: started.dir });
    else {
      out.talk(`${name} is running.`);
      for (const what of ['attach', 'stop', 'fetch']) out.talk(`  visiontrain ${what} ${name}`);
    }
    return EXIT.ok;
  }
  const code = await carryOut(far, ['attach', started.run, ...(flags.plain ? ['--plain'] : [])], context);
  const again = connect(box, context);
  const over = await fetchRun(await again, started.run, { checkpoints: false }, context);
  return over.live ? EXIT.ok : code;
};

export interface FarJob {
  readonly loaded: LoadedSpec;
  readonly registry: Registry;
  readonly name: string;
  /** Texts typed after `--set`. */
  readonly overrides: readonly string[];
  /** The command: `run`, or `queue add`. */
  readonly command: readonly string[];
  /** The sweep of this machine that the run belongs to. */
  readonly sweep?: SweepMember | undefined;
}

/**
 * Sends the files of a run and runs a command of ours with its run.yaml on the box. Returns the output of that
 * command.
 */
export async function startThere(
  far: BoxAccess,
  { loaded, registry, name, overrides, command, sweep }: FarJob,
  { options, context }: { readonly options: Options; readonly context: Context },
): Promise<string> {
  const { out, flags, places } = context;
  const travel = travelOf({ spec: loaded.spec, dir: loaded.dir, registry, places });
  const bar = shareBar(context, `to ${far.line.box.name}`);
  const say = (line: string) => (flags.json ? undefined : out.wrapped(line));
  const placed = await sendAll(far, travel.travellers, { say, ...bar }).finally(bar.end);
  const sets = [...overrides, ...travel.overrides(placed)];
  const torch = text(options.torch);
  const words = [
    ...command,
    '{spec}',
    ...['--name', name, '--json', '--no-input'],
    ...sets.flatMap((one) => ['--set', one]),
    ...(command[0] === 'run' ? ['--detach'] : []),
    ...(options.acceptLicense === true ? ['--accept-license'] : []),
    ...(options.allowHooks === true ? ['--allow-hooks'] : []),
    ...(options.sendPictures === true ? ['--send-pictures'] : []),
    ...(options.notify === false ? ['--no-notify'] : []),
    ...(torch === undefined ? [] : ['--torch', torch]),
  ];
  const token = randomBytes(16).toString('hex');
  const start = {
    do: 'start',
    token,
    text: textOf(loaded.file),
    words,
    ...(sweep === undefined ? {} : { sweep }),
  } as const;
  const { stdout } = await askFar(far, start, startedSchema);
  return stdout;
}

const refusalSchema = z.object({
  error: z.object({
    message: z.string(),
    details: z.array(z.string()).default([]),
    next_steps: z.array(z.string()).default([]),
    problems: z.array(z.object({ key: z.string(), message: z.string() })).default([]),
  }),
});
const startSchema = z.object({ run: z.string(), dir: z.string() });

/**
 * Reads the output of a command of ours with `--json` on a box.
 * @throws BoxError with the message of the box
 */
export function farOutcome<T>(stdout: string, name: string, schema: z.ZodType<T>): T {
  const document = parsed(stdout);
  const refused = refusalSchema.safeParse(document);
  if (refused.success) throw refusedBy(name, refused.data.error);
  const read = schema.safeParse(document);
  if (read.success) return read.data;
  throw new BoxError(`${name} could not do it.`, {
    id: 'box/program',
    details: [neutralise(stdout.slice(-400))],
    nextSteps: [`visiontrain hosts check ${name}`],
  });
}

interface FarRefusal {
  readonly message: string;
  readonly details: readonly string[];
  readonly next_steps: readonly string[];
  readonly problems: readonly { readonly key: string; readonly message: string }[];
}

function refusedBy(name: string, { message, details, next_steps, problems }: FarRefusal): BoxError {
  return new BoxError(`${name}: ${neutralise(message)}`, {
    id: 'box/program',
    details: [...problems.map((one) => `${one.key}: ${one.message}`), ...details].map(neutralise),
    nextSteps: next_steps.map(neutralise),
  });
}

function parsed(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return undefined;
  }
}
