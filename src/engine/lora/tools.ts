/**
 * Calls the trainer's Python to resize, merge, convert, measure or compare LoRA files. Only numpy is loaded: no torch,
 * no base model.
 */
import { packageRoot } from '../../base/package-root.ts';
import { askPython } from '../environment/programs/ask-python.ts';
import { ourPython } from '../environment/variables.ts';

/** The request that `trainer/visiontrain_trainer/lora_tools/__main__.py` reads. */
export interface LoraRequest {
  readonly action: 'resize' | 'merge' | 'convert';
  readonly sources: readonly { readonly path: string; readonly strength?: number }[];
  /** The files of the base model, for kinds whose weight change depends on the base's weights. */
  readonly base: readonly string[];
  /** Absolute path of the new file. */
  readonly to: string;
  /** Largest rank of a layer; null keeps the ranks. */
  readonly rank: number | null;
  /** How much of a layer is kept, by the rule `by`; null keeps as much as the rank allows. */
  readonly keep: number | null;
  readonly by: 'fro' | 'sum' | 'ratio' | null;
  readonly form: 'kohya' | 'diffusers';
  /** Number format of the new file; null for the format of the first file. */
  readonly precision: 'fp32' | 'bf16' | 'fp16' | null;
}

export interface LoraAnswer {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly ranks: readonly number[];
  /** Tensors that cannot be stored in a LoRA file: biases, norms, layers that the base lacks. */
  readonly left: readonly string[];
  /** For each layer that was resized, the lost part of its weight change, ‖lost‖ ÷ ‖all‖. */
  readonly lost: Readonly<Record<string, number>>;
}

/** How much a file changes its base model, ‖ΔW‖, by block. */
export interface LoraNorms {
  readonly whole: number;
  readonly blocks: readonly { readonly block: string; readonly layers: number; readonly norm: number }[];
  /** Layers of kinds whose weight change depends on the base. */
  readonly unmeasured: readonly string[];
}

/** How different two files are: their norms, ‖A − B‖ ÷ ‖A‖, and the cosine of the angle between them. */
export interface LoraApart {
  readonly first: number;
  readonly second: number;
  readonly distance: number | null;
  readonly cosine: number | null;
}

export interface LoraDifference {
  readonly whole: LoraApart;
  readonly blocks: readonly (LoraApart & { readonly block: string; readonly layers: number })[];
  readonly only_first: readonly string[];
  readonly only_second: readonly string[];
  /** Layers in both files whose sizes differ, or that have no weight change of their own. */
  readonly not_compared: readonly string[];
}

/** Which layers of a LoRA fit a base model. */
export interface LoraFit {
  readonly missing: readonly string[];
  /** Layers with other sizes than the base's: outputs, and inputs × area of the kernel. */
  readonly unfit: readonly {
    readonly module: string;
    readonly has: readonly number[];
    readonly base: readonly number[];
  }[];
  readonly parts: Readonly<Record<string, { readonly fits: number; readonly missing: number; readonly unfit: number }>>;
}

/** A checkpoint into which LoRAs were merged. */
export interface MergedCheckpoint {
  readonly path: string;
  /** Bytes of its weights. */
  readonly bytes: number;
  /** SHA-256 of the file, where the checkpoint is a single one. */
  readonly sha256?: string;
  /** The weights files of a folder, and the files that were not copied. */
  readonly files?: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
  readonly omitted?: readonly string[];
  /** Number of its weights that changed. */
  readonly changed: number;
  /** Layers of the LoRAs that fit no layer of the checkpoint. */
  readonly left: readonly string[];
}

/**
 * Compares a LoRA with the files of a base model.
 * @throws as `runLoraTool` does
 */
export const loraFit = (path: string, base: readonly string[], asker: LoraPython): Promise<LoraFit> =>
  ask({ action: 'fit', sources: [{ path }], base }, 'compare the file with the base', asker);

/**
 * Merges LoRAs into a checkpoint, a single file or a diffusers folder.
 * @throws as `runLoraTool` does
 */
export const mergeIntoBase = (
  request: Pick<LoraRequest, 'sources' | 'to' | 'precision'> & { readonly base: string },
  asker: LoraPython,
): Promise<MergedCheckpoint> =>
  ask({ ...request, base: [request.base], action: 'into' }, 'write the checkpoint', asker);

/**
 * Runs a request.
 * @throws UsageError, EnvironmentError with the error that Python reports
 */
export const runLoraTool = (request: LoraRequest, python: string, env: NodeJS.ProcessEnv): Promise<LoraAnswer> =>
  ask(request, 'make the file', { python, env });

/**
 * The norms of one file; kinds that depend on the base's weights are included when the base is given.
 * @throws as `runLoraTool` does
 */
export async function loraNorms(path: string, base: readonly string[], asker: LoraPython): Promise<LoraNorms> {
  const request = { action: 'norms', sources: [{ path }], base };
  const { files } = await ask<{ readonly files: readonly (LoraNorms & { readonly path: string })[] }>(
    request,
    'measure the file',
    asker,
  );
  const [{ whole, blocks, unmeasured } = { whole: 0, blocks: [], unmeasured: [] }] = files;
  return { whole, blocks, unmeasured };
}

/**
 * The difference of two files.
 * @throws as `runLoraTool` does
 */
export const loraDifference = (
  paths: readonly [string, string],
  base: readonly string[],
  asker: LoraPython,
): Promise<LoraDifference> =>
  ask({ action: 'diff', sources: paths.map((path) => ({ path })), base }, 'compare the files', asker);

export interface LoraPython {
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
}

const ask = <T extends object>(request: object, task: string, { python, env }: LoraPython): Promise<T> =>
  askPython<T>({
    python,
    env: ourPython({ env, packageRoot: packageRoot(), threads: 2, extras: [] }),
    module: 'visiontrain_trainer.lora_tools',
    argv: [JSON.stringify(request)],
    task,
    refused: 'lora/not-made',
  });
