import { EXIT } from '../../base/errors.ts';
import { formatDuration } from '../../base/text.ts';
import { type BoxBuild, renewBox } from '../../engine/environment/box.ts';
import { checkEnvironment, environmentDir, type PythonEnvironment } from '../../engine/environment/check.ts';
import { proveAnew } from '../../engine/environment/ensure.ts';
import { EXTRAS, type Extra, ensureExtra, findExtra } from '../../engine/environment/extras.ts';
import { givenEnvironment, proveGiven } from '../../engine/environment/given.ts';
import { refuseMissingWheels } from '../../engine/environment/offline/extra-wheels.ts';
import { fromFolder } from '../../engine/environment/offline/wheels.ts';
import { requirementsFor } from '../../engine/environment/requirements.ts';
import { setupEnvironment } from '../../engine/environment/setup.ts';
import { findPython } from '../../engine/environment/tools/python.ts';
import { thisSystem } from '../../engine/hardware/system.ts';
import type { CommandRun, Context } from '../shell/context.ts';
import { refuseForGiven } from './shared/fitting-build.ts';
import { listEnvironments, removeEnvironments } from './shared/old-environments.ts';
import { type Options, text } from './shared/options.ts';
import { showSetupPlan } from './shared/setup-plan.ts';
import { setupProgress } from './shared/setup-progress.ts';
import { stopSignals } from './shared/steps/stop-signals.ts';

interface Ready {
  readonly environment: PythonEnvironment;
  readonly made: boolean;
  readonly box?: BoxBuild;
}

/**
 * Makes the Python environment for this machine and proves its card, or says that it is ready. With `--json` the last
 * line is the result.
 */
export const run: CommandRun = async (_args, options, context) => {
  const { out, flags } = context;
  if (options.list === true) return listEnvironments(context);
  if (options.remove !== undefined)
    return removeEnvironments(context, options.remove === true ? undefined : text(options.remove));
  const wheels = text(options.wheels);
  const wanted = Object.values(EXTRAS).filter(({ name }) => options[name] === true);
  if (options.plan === true) return showSetupPlan(context, { torch: text(options.torch), extras: wanted });
  refuseForGiven(context.env, howMade(options));
  const started = Date.now();
  const offline = wheels === undefined ? context : { ...context, env: fromFolder(context.env, wheels) };
  if (wheels !== undefined && wanted.length > 0)
    await refuseLacking({ wheels, wanted, torch: text(options.torch) }, offline);
  const ready = await makeReady(offline, { force: options.force === true, torch: text(options.torch) });
  const { environment, made, box } = ready;
  const extras: Record<string, string | null> = {};
  for (const extra of wanted) extras[extra.name] = await addExtra(extra, environment, offline);
  const seconds = (Date.now() - started) / 1000;
  if (flags.json) {
    const { build, cardName: card, driver } = box ?? { build: null, cardName: null, driver: null };
    out.jsonLine({ ...environment, extras, build, card, driver, made, seconds: Math.round(seconds * 10) / 10 });
    return EXIT.ok;
  }
  tellReady(ready, seconds, context);
  return EXIT.ok;
};

/**
 * Refuses a folder of wheels that lacks one of an extra that is not installed yet, before anything is made.
 * @throws UsageError
 */
async function refuseLacking(
  { wheels, wanted, torch }: { wheels: string; wanted: readonly Extra[]; torch: string | undefined },
  { env, places }: Context,
): Promise<void> {
  const { box } = await renewBox({ places, env, system: thisSystem(env), remember: false }, torch);
  const { newestPython } = requirementsFor(box.build);
  const python = await findPython(env, { needsVenv: false, newest: newestPython }).catch(() => undefined);
  // Without a Python the set-up itself says what is missing.
  if (python === undefined) return;
  const lacking: Extra[] = [];
  for (const extra of wanted)
    if ((await findExtra({ places, env }, extra, { python_version: python.version, kind: 'own' })) === undefined)
      lacking.push(extra);
  const machine = process.arch === 'x64' ? 'x86_64' : process.platform === 'darwin' ? 'arm64' : 'aarch64';
  refuseMissingWheels(lacking, wheels, { python: python.version, system: process.platform, machine });
}

/** The options that say how the environment is made. */
const howMade = ({ torch, wheels, force }: Options): string[] => [
  ...(torch === undefined ? [] : ['--torch']),
  ...(wheels === undefined ? [] : ['--wheels']),
  ...(force === true ? ['--force'] : []),
];

function tellReady({ environment, made, box }: Ready, seconds: number, { out }: Context): void {
  const { python, python_version, torch, kind, proofs = [] } = environment;
  const how =
    kind === 'given' ? 'given by VISIONTRAIN_PYTHON' : made ? `made in ${formatDuration(seconds)}` : 'was ready';
  out.talk(`Python ${python_version} with torch ${torch}: ${how}`);
  const proof = proofs.find(({ fingerprint }) => fingerprint === box?.fingerprint);
  if (proof !== undefined && proof.passed.length > 1) {
    const on = proof.card === null ? proof.device : `${proof.card}, driver ${proof.driver ?? 'unknown'}`;
    out.talk(`Proven on ${on}: ${proof.passed.filter((check) => check !== 'see').join(', ')}`);
    for (const check of proof.failed) out.talk(`! ${check} does not work there; a run does without it.`);
  }
  out.verbatim(python);
}

async function makeReady(context: Context, wishes: { force: boolean; torch: string | undefined }): Promise<Ready> {
  const { env, places, out, flags } = context;
  if (env.VISIONTRAIN_PYTHON) {
    const stop = stopSignals('Stopped.');
    try {
      const environment = await givenEnvironment(env.VISIONTRAIN_PYTHON, env, stop.signal);
      await proveGiven(environment, env, stop.signal);
      return { environment, made: false };
    } finally {
      stop.off();
    }
  }
  const { box } = await renewBox({ places, env, system: thisSystem(env) }, wishes.torch);
  const requirements = requirementsFor(box.build);
  if (!flags.json) {
    out.wrapped(chosen(box));
    for (const note of box.notes) out.wrapped(`! ${note}`);
  }
  const stop = stopSignals('Stopped. What was fetched is kept; visiontrain setup goes on.');
  const progress = setupProgress({ out, flags, env });
  const { signal } = stop;
  try {
    const whole = wishes.force ? undefined : checkEnvironment(places, requirements);
    if (whole !== undefined) {
      const log = `${environmentDir(places, requirements)}.log`;
      const announce = (what: string) => progress.show({ item: what, done: 0, total: 0 });
      await proveAnew(whole, box, { env, log, signal, announce });
      return { environment: checkEnvironment(places, requirements) ?? whole, made: false, box };
    }
    if (!flags.json) out.talk(`Making the Python environment in ${environmentDir(places, requirements)}`);
    const { force } = wishes;
    const environment = await setupEnvironment({
      places,
      requirements,
      env,
      force,
      signal,
      box,
      onProgress: progress.show,
    });
    return { environment, made: true, box };
  } finally {
    progress.end();
    stop.off();
  }
}

/** A sentence about the card that was found and the build that was chosen. */
function chosen({ build, cardName, driver }: BoxBuild): string {
  const { torch } = requirementsFor(build);
  if (cardName === null) return `No graphics card to compute on was found: torch ${torch} for the processor.`;
  const with_ = driver === null ? '' : `, driver ${driver}`;
  return `${cardName}${with_}: torch ${torch} (${build}).`;
}

/**
 * Installs an extra that is missing.
 * @returns its folder; null when the person's own Python has it
 */
async function addExtra(extra: Extra, environment: PythonEnvironment, { env, places, out, flags }: Context) {
  const found = await findExtra({ places, env }, extra, environment);
  if (found !== undefined) {
    if (!flags.json) out.talk(`${extra.title}: was ready`);
    return found;
  }
  const stop = stopSignals();
  const progress = setupProgress({ out, flags, env });
  let folder: string | null;
  try {
    folder = await ensureExtra(extra, { places, env, environment, signal: stop.signal, onProgress: progress.show });
  } finally {
    progress.end();
    stop.off();
  }
  if (!flags.json) out.talk(`${extra.title}: installed`);
  return folder;
}
