/** Questions as data, answers, and what is known while asking. No input or output here. */
import type { Chooser } from '../../spec/schema.ts';
import type { Facts } from './facts.ts';

export const steps = [
  ['mode', 'Mode'],
  ['data', 'Data set'],
  ['model', 'Model'],
  ['training', 'Training'],
  ['resources', 'Resources'],
  ['review', 'Review'],
  ['run', 'Run'],
] as const;

export type Step = (typeof steps)[number][0];
export type Mode = 'easy' | 'advanced';

/** `default`: the person pressed Enter; such an answer follows its default when an earlier one changes. */
export interface Answer {
  readonly value: string;
  readonly by: 'you' | 'default';
}

/** Question id → answer; `set:training.rank` holds a single setting of run.yaml as JSON. */
export type Answers = Readonly<Record<string, Answer>>;

export interface Choice {
  readonly value: string;
  /** Cells of the row; the first is the name. */
  readonly cells: readonly string[];
  /** Shown under the list while the cursor is on it. */
  readonly about?: string;
  /** Why it cannot be taken; it can still be read. */
  readonly disabled?: string;
}

export interface ChooseForm {
  readonly kind: 'choose';
  readonly choices: readonly Choice[];
  readonly initial: string;
}

export interface LineForm {
  readonly kind: 'line';
  readonly initial: string;
  /** Shown instead of `initial`, where Enter on an empty line takes nothing. */
  readonly placeholder?: string;
  /** The text is a path: it is completed, and must hold this. */
  readonly path?: 'pictures' | 'model' | 'file';
  /** The text is the value of this key of run.yaml, and must be valid for it. */
  readonly setting?: string;
}

export interface Question {
  readonly id: string;
  readonly step: Step;
  /** Name in the record of answers and on the review. */
  readonly label: string;
  /** Asked in this mode only. */
  readonly mode?: Mode;
  readonly text: (context: Asking) => string;
  /** What the answer changes, a sane range, what most people take. */
  readonly why: string;
  /** Glossary entries behind `?`. */
  readonly terms?: readonly string[];
  readonly when?: (context: Asking) => boolean;
  readonly form: (context: Asking) => ChooseForm | LineForm;
  /** Only reached from a menu, and not part of the order. */
  readonly onRequest?: true;
  /** The answer as one line of the record. */
  readonly record?: (value: string, context: Asking) => string;
  /** Who chose what the answer stands for, where that need not be who gave it. */
  readonly chooser?: (context: Asking) => Chooser;
  /** run.yaml keys that the answer decides, dotted. */
  readonly sets?: (value: string, context: Asking) => Readonly<Record<string, unknown>>;
}

/** Everything a question may look at. */
export interface Asking {
  readonly answers: Answers;
  readonly facts: Facts;
}

export function answered(context: Pick<Asking, 'answers'>, id: string): string | undefined {
  return context.answers[id]?.value;
}

export function modeOf(answers: Answers): Mode {
  return answers.mode?.value === 'advanced' ? 'advanced' : 'easy';
}

export interface Suggestion {
  readonly value: string;
  readonly note: string;
}
