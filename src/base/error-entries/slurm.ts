/** Errors of jobs on clusters with Slurm. */
import type { ErrorEntry } from './entry.ts';

export const slurmErrors = {
  'slurm/settings': {
    what: 'What a job should ask the cluster for cannot be understood.',
    cause: 'A key of slurm.yaml or of --slurm is misspelt, or its value is none that Slurm takes.',
    cure: 'The message names each; `docs/slurm.md` lists the keys.',
  },
  'slurm/missing': {
    what: 'The commands of Slurm are not here.',
    cause: 'They are on the login nodes of a cluster, and sometimes need a module.',
    cure: 'Type it on a login node, or write the job only: `visiontrain export slurm run.yaml`.',
  },
  'slurm/silent': {
    what: 'A command of Slurm did not answer.',
    cause: "The cluster's controller is down or overloaded.",
    cure: 'Try again when `sinfo` answers. A run that was made is there: `visiontrain ps`.',
  },
  'slurm/refused': {
    what: 'Slurm did not take the job.',
    cause: 'The partition, account, time limit or cards are not there, or not for you.',
    cure: "Slurm's own words stand in the message: change slurm.yaml or use `--slurm key=value`.",
  },
  'slurm/path': {
    what: 'A path cannot be written into a job script.',
    cause: 'A quote, a backslash or a control character is in it.',
    cure: 'Use another folder: `--workspace DIR`.',
  },
  'slurm/job-ended': {
    what: 'The job ended, and the run did not say why.',
    cause:
      'The node failed, the time limit came before the run could be saved, memory ran out, or somebody cancelled the job.',
    cure: 'Look into slurm.log of the run folder. `visiontrain resume NAME` goes on from the last checkpoint.',
  },
  'slurm/earlier-turn': {
    what: 'A job of Slurm was put back, and what its turn before had started does not end.',
    cause: 'Slurm took the node for dead, but its processes live on, hold the run, and cannot be ended from here.',
    cure: 'End them on that machine with `visiontrain stop NAME --now`, and submit slurm.sh of the run folder again.',
  },
  'slurm/no-job': {
    what: 'A command that only a job of Slurm runs was typed by hand.',
    cause: 'It takes what it needs from the variables that Slurm gives to a job.',
    cure: 'Submit a job: `visiontrain run run.yaml --on slurm`.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
