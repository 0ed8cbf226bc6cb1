import { UsageError } from '../../base/errors.ts';
import { typedPath } from '../../base/typed-path.ts';
import { isZip } from '../../engine/bundle/zip-head.ts';
import { loadSpec } from '../../engine/prepare/load.ts';
import { presetsOf } from '../../engine/presets/store.ts';
import { loadRegistry } from '../../registry/catalogue/load.ts';
import { RUN_NAME } from '../../spec/schema.ts';
import type { CommandRun } from '../shell/context.ts';
import { helperNode, helpRun, withNode } from './nodes/help.ts';
import { type Options, text, texts, withNotifyOption } from './shared/options.ts';
import { presetOption, tellPreset } from './shared/preset-option.ts';
import { showPlan, startFromSpec } from './shared/start-run.ts';

/** Checks run.yaml, fetches what is missing, trains and shows the run. */
export const run: CommandRun = async ([file = ''], options, given) => {
  const chosen = withNotifyOption(options, given);
  const context = { ...chosen, env: withNode(chosen.env, options) };
  const onSlurm = options.on === 'slurm';
  if (options.on !== undefined && !onSlurm) return (await import('./boxes/on.ts')).run([file], options, context);
  const name = runName(options);
  const torch = text(options.torch);
  const start = {
    name,
    detach: options.detach === true,
    foreground: options.foreground === true,
    acceptLicense: options.acceptLicense === true,
    allowHooks: options.allowHooks === true,
    sendPictures: options.sendPictures === true,
    torch,
  };
  if (isZip(typedPath(file, '.')))
    return (await import('./carry/run-bundle.ts')).runBundle(file, options, start, context);
  if (options.pictures !== undefined)
    throw new UsageError('--pictures is for a bundle; a run.yaml names its folder itself.', { id: 'command/wrong' });
  const registry = loadRegistry({ configDir: context.places.config });
  const overrides = texts(options.set);
  const preset = presetOption(options, context);
  const loaded = loadSpec(file, { overrides, registry, preset, own: presetsOf(context.places.config) });
  tellPreset(loaded, preset, context);
  if (onSlurm) return (await import('./slurm/submit.ts')).runOnSlurm({ loaded, registry, name }, options, context);
  const node = helperNode(loaded.spec.resources, context.env);
  if (node !== undefined && options.dryRun !== true) return helpRun(undefined, node, context);
  const input = { ...loaded, registry };
  if (options.dryRun === true) return showPlan(input, { torch }, context);
  return startFromSpec(input, start, context);
};

/**
 * The name for the run from the options.
 * @throws UsageError for a name that cannot be a folder
 */
function runName({ name: given }: Options): string | undefined {
  const name = text(given);
  if (name === undefined || RUN_NAME.test(name)) return name;
  throw new UsageError(`--name ${JSON.stringify(name)} cannot name a run.`, {
    id: 'run/name',
    nextSteps: ['Use letters, digits, dot, dash and underscore, 100 at most.'],
  });
}
