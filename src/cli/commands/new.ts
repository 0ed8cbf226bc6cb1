import { EXIT, UsageError } from '../../base/errors.ts';
import { packageVersion } from '../../base/package-root.ts';
import { displayPath } from '../../base/paths.ts';
import { shellWord } from '../../base/typed-path.ts';
import { isBrought } from '../../engine/brought/unpackers.ts';
import { styleFor } from '../../terminal/style.ts';
import { requirePerson } from '../../terminal/terminal.ts';
import type { WizardResult } from '../../wizard/input.ts';
import { terminalAsker } from '../../wizard/prompts/ask.ts';
import { runWizard } from '../../wizard/wizard.ts';
import type { CommandRun, Context } from '../shell/context.ts';
import { type Options, text } from './shared/options.ts';
import { leaveOnInterrupt } from './shared/steps/stop-signals.ts';

/** `new [FOLDER]`: runs the wizard, writes run.yaml, and starts the run if the person wants that. */
export const run: CommandRun = async (args, options, context) => {
  const { out, flags, places, terminal: can } = context;
  const from = text(options.from);
  if (from !== undefined && options.preset !== undefined)
    throw new UsageError('--from and --preset both say where to start: give one of them.', {
      id: 'command/wrong',
      nextSteps: ['For a run.yaml with a preset under it:  visiontrain run FILE --preset NAME'],
    });
  if (from !== undefined) {
    const { importFrom } = await import('./shared/import-from.ts');
    const code = importFrom({ from, folder: args[0] }, options, context);
    if (code !== undefined) return code;
  }
  if (!flags.yes) {
    requirePerson(can, [
      'Start from a file:            visiontrain run run.yaml',
      'Take every default and start: visiontrain new FOLDER --yes',
      'Only write its run.yaml:      visiontrain new FOLDER --yes --no-start',
    ]);
  }
  const { action, file, acceptsLicense, box } = await answers(args[0], options, context);
  if (options.start === false) {
    if (flags.json) out.json({ file });
    else out.verbatim(displayPath(file, process.cwd()));
    return EXIT.ok;
  }
  if (action === 'save') {
    out.talk(`  Start it with:  visiontrain run ${shellWord(file)}${box === undefined ? '' : ` --on ${box}`}`);
    return EXIT.ok;
  }
  if (box !== undefined) {
    const { run: runOn } = await import('./boxes/on.ts');
    return runOn([file], { on: box, detach: action === 'detach', acceptLicense: acceptsLicense }, context);
  }
  const [{ startFromSpec }, { loadSpec }, { loadRegistry }] = await Promise.all([
    import('./shared/start-run.ts'),
    import('../../engine/prepare/load.ts'),
    import('../../registry/catalogue/load.ts'),
  ]);
  const registry = loadRegistry({ configDir: places.config });
  return startFromSpec(
    { ...loadSpec(file, { registry }), registry },
    { detach: action === 'detach', acceptLicense: acceptsLicense },
    context,
  );
};

/** Asks the wizard's questions, and writes the file. */
async function answers(named: string | undefined, options: Options, context: Context): Promise<WizardResult> {
  const { out, env, flags, places, terminal: can } = context;
  const folder = await folderOf(named, context);
  const leave = leaveOnInterrupt();
  try {
    return await runWizard({
      asker: terminalAsker(can, leave.signal),
      can,
      style: styleFor(can),
      env,
      places,
      cwd: process.cwd(),
      version: packageVersion(),
      say: out.talk,
      mode: options.advanced === true ? 'advanced' : options.easy === true ? 'easy' : undefined,
      folder,
      from: text(options.from),
      preset: text(options.preset),
      file: text(options.output),
      yes: flags.yes,
      left: leave.signal,
    });
  } finally {
    leave.off();
  }
}

/**
 * The named folder. An archive or an id of the hub is brought first, with progress, by modules that are loaded only
 * then.
 */
async function folderOf(named: string | undefined, context: Context): Promise<string | undefined> {
  if (named === undefined || !isBrought(named)) return named;
  const { namedFolder } = await import('./shared/steps/brought.ts');
  await namedFolder(named, context);
  return named;
}
