import { EXIT, UsageError } from '../../base/errors.ts';
import { shellWord } from '../../base/typed-path.ts';
import { eventsEnd } from '../../engine/events/tail.ts';
import { findRun } from '../../engine/runs/find.ts';
import { inspectRun } from '../../engine/runs/inspect.ts';
import { startRun } from '../../engine/runs/start.ts';
import { refuseForeignFolder } from '../../engine/runs/trust.ts';
import { loadRegistry } from '../../registry/catalogue/load.ts';
import type { CommandRun } from '../shell/context.ts';
import { helperNode, helpRun, nodesOf, withNode } from './nodes/help.ts';
import { moveDataset } from './shared/move-dataset.ts';
import { text, withNotifyOption } from './shared/options.ts';
import { tellChanges } from './shared/resume-changes.ts';
import { settleRun } from './shared/settle-run.ts';
import { withoutQueue } from './shared/start-run.ts';
import { ownSignals, watchRun } from './shared/watch.ts';

/** Starts a run again in its folder. The trainer continues from its newest good checkpoint. */
export const run: CommandRun = async ([query = ''], options, given) => {
  const chosen = withNotifyOption(options, given);
  const context = { ...chosen, env: withNode(chosen.env, options) };
  const { out, places, env, flags } = context;
  const ref = findRun(query, places.runs);
  const movable = ref.state !== 'finished' && ref.state !== 'live';
  const node = helperNode({ nodes: nodesOf(ref.dir) }, env);
  if (node !== undefined) return helpRun(ref, node, context);
  const dataset = text(options.dataset);
  if (dataset !== undefined && movable) await moveDataset(ref, dataset, loadRegistry({ configDir: places.config }));
  if (ref.state === 'finished')
    throw new UsageError(`${ref.name} is finished: there is nothing to resume.`, {
      id: 'run/finished',
      nextSteps: [`visiontrain run ${shellWord(`${ref.dir}/run.yaml`)}   trains the same again`],
    });
  refuseForeignFolder(ref.dir);
  settleRun(ref.dir, options, context);
  if (!flags.json) await tellChanges(ref, context);
  const from = eventsEnd(ref.dir);
  const owner = options.foreground === true && options.detach !== true ? ownSignals(out.talk) : undefined;
  try {
    await startRun(ref, owner === undefined ? env : withoutQueue(env));
    owner?.owns(ref);
    if (options.detach !== true) return await watchRun(ref, context, { from, owner });
  } finally {
    owner?.release();
  }
  if (flags.json) out.json(inspectRun(ref.dir));
  else {
    out.talk(`${ref.name} goes on.`);
    for (const what of ['attach', 'stop']) out.talk(`  visiontrain ${what} ${ref.name}`);
  }
  return EXIT.ok;
};
