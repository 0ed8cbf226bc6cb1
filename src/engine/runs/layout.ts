/** Names inside a run folder: the contract between everything that looks at a run (docs/reference/run-folder.md). */
export const RUN_FILES = {
  /** The spec, complete, as it is trained. */
  spec: 'run.yaml',
  /** The resolved plan the trainer reads. */
  plan: 'plan.json',
  /** Machine, versions, hashes the result may depend on. */
  environment: 'env.json',
  /** Who supervises: pid, process start time, boot id, host. */
  supervisor: 'supervisor.json',
  events: 'events.jsonl',
  log: 'trainer.log',
  supervisorLog: 'supervisor.log',
  /** Requests to the trainer: empty files `stop`, `save`, `sample`; it removes each when it has acted. */
  control: 'control',
  checkpoints: 'checkpoints',
  samples: 'samples',
  output: 'output',
  exit: 'exit.json',
} as const;

export interface RunOutput {
  /** Relative to the run folder. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** exit.json; the final LoRA first in `outputs`. Written by the supervisor, atomically, once per attempt. */
export interface RunExit {
  readonly status: 'finished' | 'failed' | 'stopped';
  readonly code: number;
  readonly reason: string;
  readonly step: number;
  readonly outputs: readonly RunOutput[];
}
