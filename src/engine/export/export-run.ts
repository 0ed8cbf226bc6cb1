/** Calls the trainer's Python to write the LoRA of a checkpoint. Neither the base model nor a card is needed. */
import { packageRoot } from '../../base/package-root.ts';
import { askPython } from '../environment/programs/ask-python.ts';
import type { Plan } from '../plan/schema.ts';
import { trainerEnv } from '../supervisor/command.ts';

/** The request that `trainer/visiontrain_trainer/run/export.py` reads. */
export interface ExportRequest {
  readonly kind: 'step' | 'best' | 'last' | 'average';
  /**
   * The step; for `average` the number of newest checkpoints, 0 for all; for `best` the step that judging advises, or
   * 0 for the one with the lowest validation loss; else 0.
   */
  readonly number: number;
  /** Absolute path of the folder for the files. */
  readonly to: string;
  /** Number format of the files; null for the run's. */
  readonly precision: Plan['output']['precision'] | null;
  /** Whether a file with diffusers names is written too, even if the run wrote none. */
  readonly diffusers: boolean;
  /**
   * Which weights of a run with a moving average are written: the average or the trained ones; null for those in its
   * own files.
   */
  readonly weights: 'ema' | 'raw' | null;
  /** Path of the embedding's file, whose name another program expects; null for beside the LoRA. */
  readonly embedding: string | null;
}

export interface ExportedFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly format: 'kohya' | 'diffusers' | 'embedding';
  /** False for a file that existed already, with the same bytes. */
  readonly made: boolean;
}

export interface Exported {
  /** The step of the checkpoint, or of the newest one of several. */
  readonly step: number;
  /** The steps of all checkpoints that the file was made of; several for their mean. */
  readonly steps: readonly number[];
  readonly files: readonly ExportedFile[];
}

export interface ExportTools {
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
  readonly resources: Plan['resources'];
}

/**
 * Writes the LoRA.
 * @throws UsageError, EnvironmentError with the error that the trainer reports
 */
export function exportRun(dir: string, request: ExportRequest, tools: ExportTools): Promise<Exported> {
  return askPython<Exported>({
    python: tools.python,
    env: trainerEnv({ packageRoot: packageRoot(), resources: tools.resources, env: tools.env }),
    module: 'visiontrain_trainer.run.export',
    argv: [dir, JSON.stringify(request)],
    task: 'export the LoRA',
    refused: 'run/no-export',
  });
}
