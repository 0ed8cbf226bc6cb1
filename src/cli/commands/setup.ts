import { EXIT } from '../../base/errors.ts';
import { formatDuration } from '../../base/text.ts';
import { checkEnvironment, environmentDir, type PythonEnvironment } from '../../engine/environment/check.ts';
import { givenEnvironment, proveGiven } from '../../engine/environment/given.ts';
import { packageRequirements } from '../../engine/environment/requirements.ts';
import { setupEnvironment } from '../../engine/environment/setup.ts';
import type { CommandRun, Context } from '../shell/context.ts';
import { setupProgress } from './shared/setup-progress.ts';
import { stopSignals } from './shared/stop-signals.ts';

/** Makes the Python environment, or says that it is ready. With `--json` the last line is the result. */
export const run: CommandRun = async (_args, options, context) => {
  const { out, flags } = context;
  const started = Date.now();
  const { environment, made } = await ready(context, options.force === true);
  const seconds = (Date.now() - started) / 1000;
  if (flags.json) {
    out.jsonLine({ ...environment, made, seconds: Math.round(seconds * 10) / 10 });
    return EXIT.ok;
  }
  const { python, python_version, torch, kind } = environment;
  const how =
    kind === 'given' ? 'given by VISIONTRAIN_PYTHON' : made ? `made in ${formatDuration(seconds)}` : 'was ready';
  out.talk(`Python ${python_version} with torch ${torch}: ${how}`);
  out.verbatim(python);
  return EXIT.ok;
};

async function ready(
  { env, places, out, flags }: Context,
  force: boolean,
): Promise<{ environment: PythonEnvironment; made: boolean }> {
  if (env.VISIONTRAIN_PYTHON) {
    const environment = givenEnvironment(env.VISIONTRAIN_PYTHON, env);
    proveGiven(environment, env);
    return { environment, made: false };
  }
  const requirements = packageRequirements();
  const whole = force ? undefined : checkEnvironment(places, requirements);
  if (whole !== undefined) return { environment: whole, made: false };
  if (!flags.json) out.talk(`Making the Python environment in ${environmentDir(places, requirements)}`);
  const stop = stopSignals('Stopped. What was fetched is kept; visiontrain setup goes on.');
  const progress = setupProgress({ out, flags, env });
  try {
    const environment = await setupEnvironment({
      places,
      requirements,
      env,
      force,
      signal: stop.signal,
      onProgress: progress.show,
    });
    return { environment, made: true };
  } finally {
    progress.end();
    stop.off();
  }
}
