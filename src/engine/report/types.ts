/** The result of a run as one document, which the page, `report --json` and `compare` show. */
import type { Chooser } from '../../spec/schema.ts';
import type { RunOutput } from '../run-folder/layout.ts';
import type { RunCondition } from '../runs/summary.ts';

/** Steps with their values; both lists are equally long. */
export interface StepCurve {
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

export interface ValidationPoint {
  readonly step: number;
  readonly loss: number;
  readonly stderr: number;
}

export interface ReportSample {
  /** Step after which the sample was made. */
  readonly step: number;
  /** Path relative to the run folder. */
  readonly path: string;
}

/** All samples of one prompt and seed. */
export interface ReportPrompt {
  readonly index: number;
  readonly prompt: string;
  readonly seed: number;
  /** The sample of the base model alone; null where there is none. */
  readonly base: string | null;
  /** Samples with the LoRA, by step. */
  readonly steps: readonly ReportSample[];
}

export interface ChosenSetting {
  readonly key: string;
  readonly value: unknown;
  readonly by: Chooser;
}

export interface ReportDataset {
  readonly images: number;
  readonly validation: number;
  readonly regularisation: number;
  readonly masks: number;
  readonly uses: number;
  readonly epochs: number;
  readonly buckets: readonly { readonly size: readonly [number, number]; readonly images: number }[];
  readonly trigger: string;
  /** The most frequent tags, or words where the captions are sentences. */
  readonly tags: readonly { readonly tag: string; readonly images: number }[];
  readonly uncaptioned: number;
  /** Some captions as they are trained. */
  readonly captions: readonly { readonly path: string; readonly caption: string }[];
}

export interface RunVerdict {
  readonly tone: 'good' | 'warn' | 'bad' | 'live';
  /** One short sentence. */
  readonly title: string;
  readonly lines: readonly string[];
}

export interface ReportModel {
  readonly name: string;
  readonly family: 'sd15' | 'sdxl';
  readonly prediction: string;
  /** The shift of noise levels of a base model of rectified flow; absent for other base models. */
  readonly flow_shift?: number;
  /** The trigger word of a trained embedding, which has a file of its own; absent without one. */
  readonly embedding?: string;
  readonly clip_skip: number;
  readonly sha256: string | null;
}

/** The loss of one image before and after training. */
export interface ImageLoss {
  readonly path: string;
  /** `held_out`: kept out of training. */
  readonly kind: 'learned' | 'never' | 'by_heart' | 'held_out';
  readonly before: number;
  readonly after: number;
}

/** A value with its standard error. */
export interface Scored {
  readonly value: number;
  readonly stderr: number;
}

/** The measurements of `judge` for the base model (step 0) or a checkpoint. */
export interface JudgedRow {
  readonly step: number;
  readonly strength: number;
  readonly validation: { readonly loss: number; readonly stderr: number } | null;
  readonly likeness: Scored | null;
  readonly bleeding: Scored | null;
  readonly diversity: Scored | null;
  readonly copies: { readonly copied: number; readonly samples: number; readonly nearest: string } | null;
}

export interface ReportJudgement {
  /** Name of the model that compared the images. */
  readonly measure: string;
  readonly rows: readonly JudgedRow[];
  /** Null while rows are missing; the step is null where no row can be advised. */
  readonly advice: {
    readonly step: number | null;
    readonly strength: number | null;
    readonly lines: readonly string[];
  } | null;
}

export interface RunReport {
  readonly name: string;
  readonly state: RunCondition;
  readonly verdict: RunVerdict;
  readonly step: number;
  readonly steps: number;
  readonly epoch: number | null;
  /** Seconds since 1970; null before the first event. */
  readonly started_at: number | null;
  readonly seconds: number | null;
  readonly seconds_left: number | null;
  readonly best_step: number | null;
  readonly learned: {
    readonly verdict: 'learned' | 'nothing' | 'unknown';
    readonly reason: string | null;
    readonly before: { readonly loss: number; readonly stderr: number } | null;
    readonly after: { readonly loss: number; readonly stderr: number } | null;
    /** ‖ΔW‖ ÷ ‖W‖ by part. */
    readonly weight_change: Readonly<Record<string, number>>;
  } | null;
  readonly loss: StepCurve;
  readonly learning_rate: StepCurve;
  readonly validation: readonly ValidationPoint[];
  readonly samples: readonly ReportPrompt[];
  readonly dataset: ReportDataset | null;
  /** The highest loss after training first; null where the run did not measure it. */
  readonly image_losses: readonly ImageLoss[] | null;
  /** Null when the run was not judged. */
  readonly judgement: ReportJudgement | null;
  readonly model: ReportModel | null;
  readonly settings: readonly ChosenSetting[];
  /** Facts about what the run really used, and the machine it ran on. */
  readonly machine: Readonly<Record<string, string | number | boolean | null>>;
  /** The final LoRA first, then the intermediate LoRA files. */
  readonly files: readonly (RunOutput & { readonly step: number | null })[];
  readonly spec_sha256: string | null;
  readonly notes: readonly { readonly level: 'info' | 'warn'; readonly text: string }[];
}
