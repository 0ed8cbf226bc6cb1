/** Questions as data, their answers, and the context in which they are asked. This module does no input or output. */
import type { Chooser } from '../../spec/schema.ts';
import type { WizardFacts } from './facts.ts';

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

/** Place in the wizard in words: `3/7  Model`. */
export function placeOf({ step }: { readonly step: Step }): string {
  const at = steps.findIndex(([id]) => id === step);
  return `${at + 1}/${steps.length}  ${steps[at]?.[1] ?? ''}`;
}

export type Mode = 'easy' | 'advanced';

/**
 * An answer and who gave it. `default`: the person pressed Enter; such an answer changes with its default when an
 * earlier answer changes.
 */
export interface Answer {
  readonly value: string;
  readonly by: 'you' | 'default';
}

/** Answers by question id. `set:training.rank` holds a single setting of run.yaml as JSON. */
export type Answers = Readonly<Record<string, Answer>>;

export interface Choice {
  readonly value: string;
  /** Cells of the row; the first one is the name. */
  readonly cells: readonly string[];
  /** Text that is shown under the list while the cursor is on the row. */
  readonly about?: string;
  /** Why the row cannot be chosen. The row and its text stay readable. */
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
  /** Text that is shown instead of `initial` when Enter on an empty line is no answer. */
  readonly placeholder?: string;
  /** Set when the text is a path, which is completed and must lead to this kind of file or folder. */
  readonly path?: 'pictures' | 'model' | 'file';
  /** Returns a sentence when the text is no answer. */
  readonly problem?: (text: string) => string | undefined;
  /** Set when the text is the value of this key of run.yaml, for which it must be valid. */
  readonly setting?: string;
}

/** Watches a check that takes long. */
export interface CheckWatch {
  /** Called with a few words about the present activity. */
  readonly tell: (words: string) => void;
  /** Ends the check. */
  readonly signal: AbortSignal;
}

export interface Question {
  readonly id: string;
  readonly step: Step;
  /** Name of the question in the record of answers and in the review. */
  readonly label: string;
  /** The only mode in which the question is asked; undefined for both. */
  readonly mode?: Mode;
  readonly text: (context: WizardContext) => string;
  /** Explains what the answer changes, a sensible range, and what most people choose. */
  readonly why: string;
  /** Terms of the glossary that `?` explains. */
  readonly terms?: readonly string[];
  readonly when?: (context: WizardContext) => boolean;
  readonly form: (context: WizardContext) => ChooseForm | LineForm;
  /** True when the question is only reached from a menu and is not part of the order. */
  readonly onRequest?: true;
  /** The answer as one line of the record. */
  readonly record?: (value: string, context: WizardContext) => string;
  /** Who chose the value behind the answer, when that is not the person who answered. */
  readonly chooser?: (context: WizardContext) => Chooser;
  /** Values of run.yaml that follow from the answer, by dotted key. */
  readonly sets?: (value: string, context: WizardContext) => Readonly<Record<string, unknown>>;
}

/** Everything that a question may use. */
export interface WizardContext {
  readonly answers: Answers;
  readonly facts: WizardFacts;
}

export function answered(context: Pick<WizardContext, 'answers'>, id: string): string | undefined {
  return context.answers[id]?.value;
}

export function modeOf(answers: Answers): Mode {
  return answers.mode?.value === 'advanced' ? 'advanced' : 'easy';
}

export interface Suggestion {
  readonly value: string;
  readonly note: string;
}
