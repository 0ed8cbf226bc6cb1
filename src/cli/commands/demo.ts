import { join } from 'node:path';
import { packageRoot } from '../../base/package-root.ts';
import { fillSpec } from '../../engine/prepare/fill.ts';
import { loadRegistry } from '../../registry/catalogue/load.ts';
import type { CommandRun } from '../shell/context.ts';
import { startFromSpec } from './shared/start-run.ts';

/**
 * Does a whole training with the embedded tiny model and its bundled images, on the CPU only and without fetching
 * weights.
 */
export const run: CommandRun = async (_args, options, context) => {
  const registry = loadRegistry({ configDir: context.places.config });
  const dir = join(packageRoot(), 'presets', 'tiny');
  const filled = fillSpec(
    {
      name: 'demo',
      // The captions already contain `zibbo`. Some images show ordinary things, so that the model does not forget
      // those.
      dataset: { path: 'lesson', goal: 'character', trigger: '' },
      model: { base: 'tiny' },
      // Two prompts name places that are not in the images, and one names a thing that must not change.
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
