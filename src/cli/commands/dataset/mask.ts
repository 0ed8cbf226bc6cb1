import { join } from 'node:path';
import { EXIT, UsageError } from '../../../base/errors.ts';
import { statOf } from '../../../base/files/stat.ts';
import { plural } from '../../../base/text.ts';
import { ensureEnvironment } from '../../../engine/environment/ensure.ts';
import { withReaders } from '../../../engine/environment/readers.ts';
import { probeHardware } from '../../../engine/hardware/probe.ts';
import { maskFinders, maskPlace, masksDir } from '../../../engine/masks/made.ts';
import { makeMasks, readyFinders } from '../../../engine/masks/worker.ts';
import { loadRegistry } from '../../../registry/catalogue/load.ts';
import { yamlValue } from '../../../spec/write.ts';
import type { CommandRun } from '../../shell/context.ts';
import { text } from '../shared/options.ts';
import { stepProgress } from '../shared/steps/step-progress.ts';
import { stopSignals } from '../shared/steps/stop-signals.ts';
import { inspect, scanOptions } from './check.ts';
import { findsOf } from './finds.ts';

/** Most images that are named in one list. */
const NAMED = 5;

/** Carries out `dataset mask DIR`: makes masks for the images of a folder, outside of it. */
export const run: CommandRun = async ([folder = '.'], options, context) => {
  const { places, env, out, flags } = context;
  const finds = findsOf(options);
  const scan = await inspect(folder, scanOptions(options), context);
  // What cannot be found is told before anything is installed or fetched.
  maskFinders(finds, { registry: loadRegistry({ configDir: places.config }), places });
  const stop = stopSignals('Stopped. The masks that are made are kept; the same command goes on from there.');
  const progress = stepProgress(context);
  const tools = { signal: stop.signal, ...progress.tools };
  const { failed, nothing, finders } = await (async () => {
    try {
      const hardware = await probeHardware([places.home], env);
      const [card] = hardware.gpus;
      const device = text(options.device) ?? (card?.vendor === 'nvidia' ? `cuda:${card.index}` : 'cpu');
      if (!/^(cpu|cuda(:\d+)?)$/u.test(device))
        throw new UsageError(`--device ${device} must be cpu, cuda or cuda:N.`, { id: 'command/wrong-value' });
      const files = { root: scan.root, paths: scan.images.map(({ path }) => path) };
      const owner = { places, env };
      const environment = await withReaders(await ensureEnvironment(owner, device, tools), files, owner, tools);
      const [threads, log] = [hardware.cpuCores, join(places.home, 'masks.log')];
      const { root, images } = scan;
      const ready = await readyFinders(finds, owner, tools);
      const job = { root, images, finders: ready, places, env, environment, device, threads, log };
      return { ...(await makeMasks(job, tools)), finders: ready };
    } finally {
      progress.end();
      stop.off();
    }
  })();
  const dir = masksDir(places, finders);
  const made = scan.images.flatMap(({ path, sha256 }) => {
    const mask = maskPlace(dir, sha256);
    return statOf(mask) === undefined ? [] : [{ path, mask }];
  });
  if (flags.json) {
    out.json({
      root: scan.root,
      find: finds,
      masks: made,
      nothing: nothing.map(({ path, kinds }) => ({ path, kinds })),
      failed,
    });
    return EXIT.ok;
  }
  for (const { path, mask } of made) out.data(`${path}\t${mask}`);
  for (const { path, reason } of failed.slice(0, NAMED)) out.talk(`! ${path} gets no mask: ${reason}`);
  for (const { path, kinds } of nothing.slice(0, NAMED)) out.talk(`! ${path}: no ${kinds.join(', no ')} found`);
  if (nothing.length > NAMED)
    out.talk(`! ${nothing.length - NAMED} more where something was not found (--json lists all)`);
  out.talk(`${plural(made.length, 'mask')} made. Nothing in the folder is changed.`);
  out.talk('A run uses them with these lines in its run.yaml:');
  out.talk('  dataset:');
  out.talk(`    masks: {from: made, find: [${finds.map((find) => yamlValue(find)).join(', ')}]}`);
  return EXIT.ok;
};
