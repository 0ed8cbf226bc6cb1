/** Has the trainer's Python resize, merge or convert LoRA files. Only numpy is loaded: no torch, no base model. */
import { packageRoot } from '../../base/package-root.ts';
import { askPython } from '../environment/programs/ask-python.ts';
import { ourPython } from '../environment/variables.ts';

/** What `trainer/visiontrain_trainer/lora_tools/__main__.py` reads. */
export interface LoraRequest {
  readonly action: 'resize' | 'merge' | 'convert';
  readonly sources: readonly { readonly path: string; readonly strength?: number }[];
  /** Absolute path of the new file. */
  readonly to: string;
  /** The most that a layer gets; null keeps the ranks. */
  readonly rank: number | null;
  /** How much of a layer is kept, by the rule `by`; null keeps what the rank can. */
  readonly keep: number | null;
  readonly by: 'fro' | 'sum' | 'ratio' | null;
  readonly form: 'kohya' | 'diffusers';
  /** Number format of the new file; null for that of the first file. */
  readonly precision: 'fp32' | 'bf16' | 'fp16' | null;
}

export interface LoraAnswer {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly ranks: readonly number[];
  /** The lost part of the weight change of each layer that was resized, ‖lost‖ ÷ ‖all‖. */
  readonly lost: Readonly<Record<string, number>>;
}

/** @throws UsageError, EnvironmentError with what Python says of it */
export function runLoraTool(request: LoraRequest, python: string, env: NodeJS.ProcessEnv): Promise<LoraAnswer> {
  return askPython<LoraAnswer>({
    python,
    env: ourPython({ env, packageRoot: packageRoot(), threads: 2, extras: [] }),
    module: 'visiontrain_trainer.lora_tools',
    argv: [JSON.stringify(request)],
    task: 'make the file',
    refused: 'lora/not-made',
  });
}
