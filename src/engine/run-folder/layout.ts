import type { ProcessIdentity } from '../../base/process/identity.ts';

/** Names inside a run folder: the contract between everything that looks at a run (docs/reference/run-folder.md). */
export const RUN_FILES = {
  /** The spec, complete, as it is trained. */
  spec: 'run.yaml',
  /** The resolved plan the trainer reads. */
  plan: 'plan.json',
  /** Machine, versions, hashes the result may depend on. */
  environment: 'env.json',
  /** Who supervises now, or did last: see `SupervisorFile`. */
  supervisor: 'supervisor.json',
  /** One numbered file per start of the run, holding who made it: the lock against starting twice. */
  attempts: 'attempts',
  events: 'events.jsonl',
  log: 'trainer.log',
  supervisorLog: 'supervisor.log',
  /** Requests to the trainer: empty files `stop`, `save`, `sample`; it removes each when it has acted.
   * `kill` is for the supervisor: end the trainer without waiting for a checkpoint. */
  control: 'control',
  checkpoints: 'checkpoints',
  samples: 'samples',
  output: 'output',
  exit: 'exit.json',
  /** Room for the last word about a run whose disk is full; there only while it goes on. */
  reserve: '.reserve',
} as const;

/** supervisor.json. */
export interface SupervisorFile extends ProcessIdentity {
  readonly attempt: number;
  /** Seconds since 1970. */
  readonly started_at: number;
  /** The trainer, which leads its own process group; null before it runs and after it ended. */
  readonly trainer: ProcessIdentity | null;
}

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
  /** Further lines for a person: where it happened, the last lines of the log. */
  readonly details: readonly string[];
  /** What to type next. */
  readonly next_steps: readonly string[];
}
