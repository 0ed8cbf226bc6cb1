import { join } from 'node:path';
import { settleEndpoint } from '../../../engine/captions/consent.ts';
import { settleHooks } from '../../../engine/hooks/consent.ts';
import { settleSpaces } from '../../../engine/logging/consent.ts';
import { loadSpec } from '../../../engine/prepare/load.ts';
import { readSettingsBesidePlan } from '../../../engine/run-folder/beside.ts';
import { captionsToCome } from '../../../engine/run-folder/captions-file.ts';
import { RUN_FILES } from '../../../engine/run-folder/layout.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import type { Context } from '../../shell/context.ts';
import type { Options } from './options.ts';

/**
 * Checks the person's consents before an existing run continues: its hooks, the Spaces of its trackers and the server
 * of its captions. The folder may be a copy of somebody else's run.
 * @throws UsageError when the person has not allowed one of them, and does not do so now
 */
export function settleRun(dir: string, options: Options, { places, env }: Pick<Context, 'places' | 'env'>): void {
  const sends = options.sendPictures === true;
  const beside = readSettingsBesidePlan(dir);
  if (beside !== undefined) {
    settleHooks(beside.hooks, places, options.allowHooks === true);
    settleSpaces(beside.logging?.trackers ?? [], places, sends);
  }
  if (captionsToCome(dir).pending.size === 0) return;
  const { spec } = loadSpec(join(dir, RUN_FILES.spec), { registry: loadRegistry({ configDir: places.config }) });
  settleEndpoint(spec.captions, { places, env, allows: sends });
}
