import { join } from 'node:path';
import { packageRoot } from '../../base/package-root.ts';
import { fillSpec } from '../../engine/prepare/fill.ts';
import { loadRegistry } from '../../registry/catalogue/load.ts';
import type { CommandRun } from '../shell/context.ts';
import { startFromSpec } from './shared/start-run.ts';

/** The whole job on the embedded tiny model and its bundled pictures: CPU only, no weights fetched. */
export const run: CommandRun = async (_args, options, context) => {
  const registry = loadRegistry({ configDir: context.places.config });
  const dir = join(packageRoot(), 'presets', 'tiny');
  const filled = fillSpec(
    {
      name: 'demo',
      // The captions say `zibbo` themselves, and some pictures show ordinary things, so that those are not forgotten.
      dataset: { path: 'lesson', goal: 'character', trigger: '' },
      model: { base: 'tiny' },
      // Two places the pictures do not have, and one prompt that must stay what it was.
      samples: {
        every: 0,
        prompts: [
          'a big zibbo on a lilac background',
          'a zibbo on the right at night',
          'a red fish on a white background',
        ],
      },
    },
    registry,
    { dir },
  );
  return startFromSpec({ ...filled, dir, registry }, { detach: options.detach === true }, context);
};
