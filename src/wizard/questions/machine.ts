/** The step machine: it knows the present question, the next one and the one before. Pure. */
import { modeOf, type Question, type WizardContext } from './question.ts';

export interface Position {
  readonly id: string;
  /** The menu (the review, or a group of settings) that the person came from and returns to. */
  readonly returnTo?: string;
}

/** The questions in order, and those that are reached from a menu only. */
export interface Flow {
  readonly ordered: readonly Question[];
  readonly find: (id: string) => Question | undefined;
}

/** Choices whose value starts with this prefix lead to another question. */
export const JUMP = 'go:';

/** The questions that apply in this context, in order. */
export function visible(flow: Flow, context: WizardContext): readonly Question[] {
  const mode = modeOf(context.answers);
  return flow.ordered.filter((q) => (q.mode === undefined || q.mode === mode) && (q.when?.(context) ?? true));
}

/** The first question without an answer; without such a question the last one (the review). */
export function resume(flow: Flow, context: WizardContext): Position {
  const questions = visible(flow, context);
  const open = questions.find((q) => context.answers[q.id] === undefined) ?? questions.at(-1);
  if (open === undefined) throw new Error('a wizard without questions');
  return { id: open.id };
}

/** The position after an answer, which `context` must already hold. */
export function next(flow: Flow, position: Position, value: string, context: WizardContext): Position {
  if (value.startsWith(JUMP)) return { id: value.slice(JUMP.length), returnTo: position.id };
  const questions = visible(flow, context);
  const { returnTo } = position;
  if (returnTo !== undefined) {
    // The answer may have opened further questions, or removed the menu itself.
    const limit = questions.findIndex((q) => q.id === returnTo);
    if (limit === -1) return resume(flow, context);
    const open = questions.slice(0, limit).find((q) => context.answers[q.id] === undefined);
    return open === undefined ? { id: returnTo } : { id: open.id, returnTo };
  }
  const at = questions.findIndex((q) => q.id === position.id);
  const following = questions.slice(at + 1).find((q) => !isSettled(q, context));
  return following === undefined ? resume(flow, context) : { id: following.id };
}

/** Whether the person's preset has answered the question. The review still leads to it. */
const isSettled = ({ id }: Question, { answers, facts }: WizardContext): boolean =>
  facts.settled?.has(id) === true && answers[id] !== undefined;

/** The position before this one; undefined at the first question. */
export function back(flow: Flow, position: Position, context: WizardContext): Position | undefined {
  if (position.returnTo !== undefined) return { id: position.returnTo };
  const questions = visible(flow, context);
  const at = questions.findIndex((q) => q.id === position.id);
  const before = questions.slice(0, Math.max(0, at)).findLast((q) => !isSettled(q, context));
  return before === undefined ? undefined : { id: before.id };
}
