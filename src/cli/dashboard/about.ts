/** The texts of the header about a run, read from the run folder. */

import { neutralise } from '../../base/text.ts';
import { readSettingsBesidePlan } from '../../engine/run-folder/beside.ts';
import { readPlanJson } from '../../engine/run-folder/run-files.ts';

export interface RunAbout {
  readonly model: string | undefined;
  readonly rank: number | undefined;
  readonly schedule: string | undefined;
  readonly epochs: number | undefined;
  /** The first sample prompt. */
  readonly prompt: string | undefined;
  /** The trigger word of an embedding that is trained beside the LoRA; undefined without one. */
  readonly embedding?: string | undefined;
  /** Whether its checkpoints are judged automatically when it is finished. */
  readonly judge: boolean;
}

export const nothingKnown: RunAbout = {
  prompt: undefined,
  model: undefined,
  rank: undefined,
  schedule: undefined,
  epochs: undefined,
  judge: false,
};

/** Reads plan.json. A run that has no plan yet is shown without these texts. */
export function readAbout(runDir: string): RunAbout {
  try {
    const plan = readPlanJson(runDir) as {
      model?: { name?: unknown };
      training?: Record<string, unknown>;
      samples?: { prompts?: unknown };
    };
    const {
      rank,
      schedule,
      steps,
      gradient_accumulation: accumulation,
      batches_per_epoch: batches,
    } = plan.training ?? {};
    const epochs =
      number(steps) && number(batches)
        ? Math.ceil((steps * (number(accumulation) ? accumulation : 1)) / batches)
        : undefined;
    return {
      model: typeof plan.model?.name === 'string' ? neutralise(plan.model.name) : undefined,
      rank: number(rank) ? rank : undefined,
      schedule: typeof schedule === 'string' ? neutralise(schedule) : undefined,
      epochs,
      embedding: wordOf(plan.training?.pivotal),
      prompt: firstText(plan.samples?.prompts),
      judge: readSettingsBesidePlan(runDir)?.judge === true,
    };
  } catch {
    return nothingKnown;
  }
}

const number = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value > 0;

const wordOf = (pivotal: unknown): string | undefined => {
  const word = typeof pivotal === 'object' && pivotal !== null && 'word' in pivotal ? pivotal.word : undefined;
  return typeof word === 'string' ? neutralise(word) : undefined;
};

const firstText = (value: unknown): string | undefined =>
  Array.isArray(value) && typeof value[0] === 'string' ? neutralise(value[0]) : undefined;
