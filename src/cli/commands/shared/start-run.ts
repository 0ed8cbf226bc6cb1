/**
 * Turns a prepared run into a run folder with a supervisor and watches it, as the last part of `run`, `new` and
 * `demo`.
 */

import { resolve } from 'node:path';
import { EXIT, type ExitCode } from '../../../base/errors.ts';
import { settleEndpoint } from '../../../engine/captions/consent.ts';
import { hookLines, settleHooks, withAbsolutePrograms } from '../../../engine/hooks/consent.ts';
import { settleSpaces } from '../../../engine/logging/consent.ts';
import type { Plan } from '../../../engine/plan/schema.ts';
import { summarizePlan } from '../../../engine/plan/summarize.ts';
import { type PreparedRun, type PrepareInput, prepareRun } from '../../../engine/prepare/prepare.ts';
import { createRun, type RunRef } from '../../../engine/runs/create.ts';
import { earlierPace, paceLine, paceQuestion } from '../../../engine/runs/paces.ts';
import { startRun } from '../../../engine/runs/start.ts';
import { settleLicense } from '../../../registry/catalogue/licenses.ts';
import { weightBytes } from '../../../registry/checkpoints/weight-bytes.ts';
import type { Context } from '../../shell/context.ts';
import { fittingBuild, withTorch } from './fitting-build.ts';
import { roomWarnings } from './room.ts';
import { withFolders } from './steps/brought.ts';
import { toldAtInterrupt } from './steps/stop-signals.ts';
import { ownSignals, watchRun } from './watch.ts';

export interface StartOptions {
  /** Requested name of the run; the spec's name when missing. */
  readonly name?: string | undefined;
  readonly detach: boolean;
  /** Whether the run ends with this process, for batch systems. */
  readonly foreground?: boolean;
  /** Whether the person accepts the licences of the files to be fetched. */
  readonly acceptLicense?: boolean;
  /** Whether the person allows sending images to the server that run.yaml names for captions. */
  readonly sendPictures?: boolean;
  /** Whether the person allows the hooks of this run.yaml. */
  readonly allowHooks?: boolean;
  /** Build of PyTorch for this run instead of the one that fits. */
  readonly torch?: string | undefined;
  /** Further facts for env.json of the run. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** Replaces the prepared plan. It throws when the run must not be trained. */
  readonly adopt?: (prepared: PreparedRun) => Plan;
  /** Called when a watched run has ended; returns the exit code of the command. */
  readonly ended?: (run: RunRef, code: ExitCode) => ExitCode;
}

type Prepare = Omit<PrepareInput, 'places' | 'env'>;

interface MadeRun {
  readonly run: RunRef;
  /** Environment for its supervisor. */
  readonly env: NodeJS.ProcessEnv;
}

type MakeOptions = Omit<StartOptions, 'detach' | 'foreground' | 'ended'>;

/** Prepares a run, checks all consents of the person, and makes its folder. Nothing is started. */
export async function makeRun(given: Prepare, options: MakeOptions, context: Context): Promise<MadeRun> {
  const input = await withFolders(given, context);
  const say = () => context.out.talk('Left. No run was made, and nothing was started.');
  return toldAtInterrupt(say, () => makeOf(input, options, context));
}

async function makeOf(input: Prepare, options: MakeOptions, context: Context): Promise<MadeRun> {
  const { places, out, flags } = context;
  const env = withTorch(context.env, options.torch);
  const hooks = withAbsolutePrograms(input.spec.hooks, (path) => resolve(input.dir, path));
  settleHooks(hooks, places, options.allowHooks ?? false);
  const prepared = await prepareRun({ ...input, places, env });
  const plan = options.adopt?.(prepared) ?? prepared.plan;
  // Another machine has its own cards, and chooses its build itself.
  const notes = input.hardware === undefined ? (await fittingBuild({ places, env }, plan)).notes : [];
  for (const { entry, companionsOnly } of prepared.needs) {
    if (companionsOnly) continue;
    const hints = [
      'If you accept it, start the run again with --accept-license.',
      `Or fetch it first:  visiontrain models pull ${entry.id} --accept-license`,
    ];
    settleLicense(entry, places, options.acceptLicense ?? false, hints);
  }
  settleSpaces(input.spec.logging.trackers, places, options.sendPictures ?? false);
  if (prepared.uncaptioned.length > 0)
    settleEndpoint(input.spec.captions, { places, env, allows: options.sendPictures ?? false });
  if (!flags.json)
    for (const line of [...remarks(prepared, places.runs), ...notes.map((note) => `! ${note}`)]) out.wrapped(line);
  const run = createRun({
    name: options.name ?? input.spec.name,
    yaml: prepared.yaml,
    plan,
    uncaptioned: prepared.uncaptioned,
    openPrompts: prepared.openPrompts,
    beside: { hooks, logging: input.spec.logging, judge: input.spec.validation.judge },
    runs: places.runs,
    ...(options.facts === undefined ? {} : { facts: options.facts }),
  });
  return { run, env };
}

/** Prepares, starts and (unless detached) watches a run. Returns the exit code of the run. */
export async function startFromSpec(input: Prepare, options: StartOptions, context: Context): Promise<ExitCode> {
  const isForeground = options.foreground === true && !options.detach;
  const owner = isForeground ? ownSignals(context.out.talk) : undefined;
  try {
    const { run, env } = await makeRun(input, options, context);
    const goesOn = () => context.out.talk(`Left. ${run.name} starts without you:  visiontrain attach ${run.name}`);
    await toldAtInterrupt(goesOn, () => startRun(run, isForeground ? withoutQueue(env) : env));
    owner?.owns(run);
    if (!options.detach) {
      const code = await watchRun(run, context, { owner });
      return options.ended?.(run, code) ?? code;
    }
    tellStarted(run, context);
    return EXIT.ok;
  } finally {
    owner?.release();
  }
}

/** The environment without the queue: a batch job ends with its run, and would kill any run that its queue starts. */
export const withoutQueue = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({ ...env, VISIONTRAIN_QUEUE: 'off' });

function tellStarted(run: RunRef, { out, flags }: Context): void {
  if (flags.json) out.json({ run: run.name, dir: run.dir });
  else {
    out.talk(`${run.name} is running.`);
    for (const what of ['attach', 'stop']) out.talk(`  visiontrain ${what} ${run.name}`);
  }
}

/** Remarks that a person should read before the start. */
function remarks({ plan, leftOut, warnings }: PreparedRun, runs: string): string[] {
  const sentences = [...leftOut.map((line) => `${line}: left out`), ...warnings, ...roomWarnings(plan, runs)];
  return sentences.map((line) => `! ${line}`);
}

/** Carries out `--dry-run`: shows the whole plan and changes nothing. */
export async function showPlan(
  given: Prepare,
  { torch }: { readonly torch?: string | undefined },
  context: Context,
): Promise<ExitCode> {
  const { out, places, flags } = context;
  const env = withTorch(context.env, torch);
  const input = await withFolders(given, context);
  const prepared = await prepareRun({ ...input, places, env });
  const elsewhere = input.hardware !== undefined;
  const build = elsewhere ? undefined : await fittingBuild({ places, env }, prepared.plan);
  const weights = weightBytes(prepared.plan.model.path);
  const { lines, ...figures } = summarizePlan(prepared.plan, weights);
  const pace = earlierPace(places.state, paceQuestion(prepared.plan, prepared.card, weights));
  const { steps } = prepared.plan.training;
  const summary = { ...figures, lines: pace === undefined ? lines : [...lines, paceLine(steps, pace)] };
  if (flags.json) {
    const fetch = prepared.needs.map(({ entry }) => entry.id);
    out.json({
      plan: prepared.plan,
      summary,
      warnings: prepared.warnings,
      left_out: prepared.leftOut,
      fetch,
      environment: build?.line ?? 'chosen on the machine that trains',
      seconds_per_step: pace ?? null,
    });
    return EXIT.ok;
  }
  out.talk(`${input.spec.name}: nothing is started (--dry-run)`);
  for (const line of summary.lines) out.wrapped(`  ${line}`);
  if (build !== undefined) out.talk(`  ${build.line}`);
  for (const line of hookLines(input.spec.hooks)) out.talk(`  hook ${line}`);
  for (const { entry } of prepared.needs) out.talk(`  to fetch first: ${entry.title}`);
  for (const line of remarks(prepared, places.runs)) out.wrapped(line);
  out.verbatim(prepared.yaml);
  return EXIT.ok;
}
