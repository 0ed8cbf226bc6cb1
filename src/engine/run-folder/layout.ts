import type { ProcessIdentity } from '../../base/process/identity.ts';

/** Names inside a run folder, the contract between all programs that look at a run (docs/reference/run-folder.md). */
export const RUN_FILES = {
  /** The complete spec of the run. */
  spec: 'run.yaml',
  /** The resolved plan, which the trainer reads. */
  plan: 'plan.json',
  /** Which images get a caption before the training; exists only in a run that writes captions. */
  captions: 'captions.json',
  /** Machine, versions and hashes on which the result may depend. */
  environment: 'env.json',
  /** The present or last supervisor: see `SupervisorFile`. */
  supervisor: 'supervisor.json',
  /**
   * A folder with one numbered file per start of the run, which names the process that made it. It is the lock against
   * a second start.
   */
  attempts: 'attempts',
  events: 'events.jsonl',
  log: 'trainer.log',
  supervisorLog: 'supervisor.log',
  /**
   * Requests to the trainer: empty files `stop`, `save` and `sample`, each removed once the trainer has acted. `kill`
   * is for the supervisor: it ends the trainer without waiting for a checkpoint.
   */
  control: 'control',
  /** Hooks and logging, which the supervisor reads. They do not change the training. */
  beside: 'beside.json',
  /** Event files for TensorBoard, and the newest values for Prometheus. */
  tensorboard: 'tensorboard',
  prometheus: 'metrics.prom',
  /** The job of Slurm that trains the run, its script and what it printed. */
  slurmJob: 'slurm.json',
  slurmScript: 'slurm.sh',
  slurmLog: 'slurm.log',
  /** Output of hooks. */
  hooksLog: 'hooks.log',
  checkpoints: 'checkpoints',
  samples: 'samples',
  output: 'output',
  exit: 'exit.json',
  /** The loss of each image before and after training. */
  imageLosses: 'image-losses.json',
  /** The table that `visiontrain judge` makes, the samples it compares, and the output of its programs. */
  judgement: 'judge.json',
  judgeSamples: 'judge',
  judgeLog: 'judge.log',
  /** The process that waits until the card is free to judge the run. */
  judgeWaiting: 'judge-waiting.json',
  /** The page that `visiontrain report` makes. */
  report: 'report.html',
  /**
   * A file that takes up disk space for the last message of a run whose disk is full. It exists only while the run
   * goes on.
   */
  reserve: '.reserve',
} as const;

/** Content of supervisor.json. */
export interface SupervisorFile extends ProcessIdentity {
  readonly attempt: number;
  /** Seconds since 1970. */
  readonly started_at: number;
  /** The trainer, which leads its own process group; null before it runs and after it has ended. */
  readonly trainer: ProcessIdentity | null;
  /** Number of the job of Slurm that the supervisor is part of; absent outside of jobs. */
  readonly slurm_job?: string;
}

export interface RunOutput {
  /** Path relative to the run folder. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Content of exit.json; the final LoRA comes first in `outputs`. The supervisor writes it atomically, once per attempt.
 */
export interface RunExit {
  readonly status: 'finished' | 'failed' | 'stopped';
  readonly code: number;
  /** The error, as `visiontrain explain` knows it. Only failed runs have one, and those of early versions have none. */
  readonly id?: string;
  readonly reason: string;
  readonly step: number;
  readonly outputs: readonly RunOutput[];
  /** Further lines for a person: where it happened, and the last lines of the log. */
  readonly details: readonly string[];
  /** What the person can type next. */
  readonly next_steps: readonly string[];
}
