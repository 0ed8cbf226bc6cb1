/** Carries out `slurm node RUN`, which the first node of a job starts on the others with srun. */
import { UsageError } from '../../../base/errors.ts';
import { findRun } from '../../../engine/runs/find.ts';
import { NODE_VARIABLE, nodeOf } from '../../../engine/supervisor/nodes.ts';
import type { CommandRun } from '../../shell/context.ts';
import { helpRun, nodesOf } from '../nodes/help.ts';

export const run: CommandRun = async ([query = ''], _options, context) => {
  const { places, env } = context;
  const ref = findRun(query, places.runs);
  const number = Number(env.SLURM_PROCID ?? Number.NaN) + 1;
  const node = nodeOf({ nodes: nodesOf(ref.dir) }, { ...env, [NODE_VARIABLE]: String(number) });
  if (node === undefined || node.rank === 0)
    throw new UsageError('This is what the nodes of a job of Slurm beside the first run, and here is none.', {
      id: 'slurm/no-job',
      nextSteps: ['visiontrain run run.yaml --on slurm'],
    });
  return helpRun(ref, node, context);
};
