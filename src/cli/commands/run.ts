import { UsageError } from '../../base/errors.ts';
import { loadSpec } from '../../engine/prepare/load.ts';
import { loadRegistry } from '../../registry/catalogue/load.ts';
import { RUN_NAME } from '../../spec/schema.ts';
import type { CommandRun } from '../shell/context.ts';
import { text, texts, toldOf } from './shared/options.ts';
import { showPlan, startFromSpec } from './shared/start-run.ts';

/** Checks run.yaml, fetches what is missing, trains and shows the run. */
export const run: CommandRun = async ([file = ''], options, given) => {
  const context = toldOf(options, given);
  if (options.on !== undefined) return (await import('./boxes/on.ts')).run([file], options, context);
  const registry = loadRegistry({ configDir: context.places.config });
  const overrides = texts(options.set);
  const loaded = loadSpec(file, { overrides, registry });
  const name = text(options.name);
  if (name !== undefined && !RUN_NAME.test(name))
    throw new UsageError(`--name ${JSON.stringify(name)} cannot name a run.`, {
      id: 'run/name',
      nextSteps: ['Use letters, digits, dot, dash and underscore, 100 at most.'],
    });
  const input = { ...loaded, registry };
  const torch = text(options.torch);
  if (options.dryRun === true) return showPlan(input, { torch }, context);
  return startFromSpec(
    input,
    {
      name,
      detach: options.detach === true,
      foreground: options.foreground === true,
      acceptLicense: options.acceptLicense === true,
      allowHooks: options.allowHooks === true,
      sendPictures: options.sendPictures === true,
      torch,
    },
    context,
  );
};
