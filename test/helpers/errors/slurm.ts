/** Errors of clusters, each as it really comes. */
import { dirname } from 'node:path';
import type { slurmErrors } from '../../../src/base/error-entries/slurm.ts';
import { doesNotEnd } from '../../../src/cli/commands/slurm/earlier-turn.ts';
import { endOfJob } from '../../../src/cli/commands/slurm/submit.ts';
import { noAnswer, submit } from '../../../src/engine/slurm/commands.ts';
import { readSlurmOptions } from '../../../src/engine/slurm/options.ts';
import { outputName } from '../../../src/engine/slurm/script.ts';
import type { Sample } from './scene.ts';

const SCRIPT = '/home/me/.local/share/visiontrain/runs/fox/slurm.sh';

export const slurmSamples: Readonly<Record<keyof typeof slurmErrors, Sample>> = {
  'slurm/settings': ({ places }) => readSlurmOptions(places.config, ['tmie=4:00:00', 'cpus=many']),
  'slurm/missing': ({ env }) => submit(SCRIPT, env),
  'slurm/silent': () => noAnswer('squeue'),
  'slurm/refused': (scene) => {
    const words = 'sbatch: error: invalid partition specified: gpus\nsbatch: error: Batch job submission failed';
    scene.program('sbatch', `echo '${words}' >&2; exit 1`);
    return submit(SCRIPT, scene.env);
  },
  'slurm/path': () => outputName('/data/my "best" runs/fox/slurm'),
  'slurm/job-ended': (scene) => {
    const dir = scene.folder('runs/fox');
    scene.file('runs/fox/slurm.log', 'slurmstepd: error: Detected 1 oom_kill event in StepId=81.batch.\n');
    return endOfJob({ dir, name: 'fox' }, '81', 'OUT_OF_MEMORY', scene.context());
  },
  'slurm/earlier-turn': () => {
    const there = { pid: 4711, start: '1', boot: '8f1c', host: 'node7', attempt: 1, started_at: 0, trainer: null };
    return doesNotEnd({ dir: dirname(SCRIPT), name: 'fox' }, { ...there, slurm_job: '81' }, '81');
  },
  'slurm/no-job': (scene) => scene.type(['slurm', 'job', 'fox']),
};
