/**
 * How answers change over time: how an answer is stored, which other answers a change removes, and which earlier
 * answers are still valid.
 */
import { absolute } from '../base/paths.ts';
import { dataPlace } from '../engine/brought/unpackers.ts';
import { findKey } from '../spec/keys.ts';
import type { WizardFacts } from './questions/facts.ts';
import { type Flow, visible } from './questions/machine.ts';
import type { Answer, Answers, LineForm, Question, WizardContext } from './questions/question.ts';
import { parse } from './questions/setting-values.ts';
import { SETTING } from './questions/values.ts';

/** The answers with absolute paths, because a draft may be continued in another folder. */
export function fromAnywhere(answers: Answers, facts: WizardFacts): Answers {
  const paths = ['dataset.path', 'model.file', 'file'].flatMap((id) => {
    const answer = answers[id];
    const place = id === 'dataset.path' ? dataPlace : absolute;
    return answer === undefined ? [] : [[id, { ...answer, value: place(answer.value, facts) }] as const];
  });
  return { ...answers, ...Object.fromEntries(paths) };
}

/** Answers that depend on another answer, and are asked for again when that one changes. */
export const dependentAnswers: Readonly<Record<string, readonly string[]>> = {
  'model.base': ['model.more', 'model.file', 'model.license'],
  'model.more': ['model.license'],
};

export const without = (answers: Answers, ids: readonly string[]): Answers =>
  Object.fromEntries(Object.entries(answers).filter(([id]) => !ids.includes(id)));

/**
 * The answer to store. Enter on the offered value counts as the default, unless the person had chosen that value
 * before.
 */
export function answerOf(question: Question, initial: string, value: string, before: Answer | undefined): Answer {
  const isSetting = question.id.startsWith(SETTING);
  const stored = isSetting && question.form !== undefined ? settingJson(question.id, value) : value;
  const kept = value === initial && before?.by !== 'you' && !isSetting;
  return { value: stored, by: kept ? 'default' : 'you' };
}

/** The answer to a single setting as JSON. Choices are JSON already; typed lines are parsed. */
export function settingJson(id: string, value: string): string {
  const node = findKey(id.slice(SETTING.length))?.node;
  if (node === undefined || node.type === 'boolean' || node.enum !== undefined) return value;
  return JSON.stringify(parse(node, value));
}

/**
 * Questions whose defaults come from the folder or the person and not from earlier answers; a draft may be continued
 * elsewhere.
 */
const ofThePlace = new Set(['mode', 'dataset.path']);

/** Updates the answers that were a default, because an earlier answer may have changed the default. */
export function followDefaults(flow: Flow, context: WizardContext): Answers {
  let { answers } = context;
  for (const question of visible(flow, context)) {
    const answer = answers[question.id];
    if (answer?.by !== 'default' || ofThePlace.has(question.id)) continue;
    const { [question.id]: _, ...others } = answers;
    const { initial } = question.form({ ...context, answers: others });
    if (initial !== answer.value) answers = { ...others, [question.id]: { value: initial, by: 'default' } };
  }
  return answers;
}

/** Earlier answers (from a draft, a file or a flag) without those that are no longer valid. */
export async function stillValid(
  flow: Flow,
  { answers, facts }: { readonly answers: Answers; readonly facts: WizardFacts },
  check: (question: Question, form: LineForm, text: string) => Promise<string | undefined>,
  keep: (id: string, answer: Answer) => WizardContext,
): Promise<Answers> {
  const none: Answers = {};
  let context: WizardContext = { answers: none, facts };
  for (const [id, answer] of Object.entries(answers)) if (flow.find(id)?.onRequest === true) context = keep(id, answer);
  let known = new Set<string>();
  for (let more = true; more; ) {
    more = false;
    for (const question of visible(flow, context)) {
      const answer = answers[question.id];
      if (answer === undefined || known.has(question.id)) continue;
      known = known.add(question.id);
      const form = question.form(context);
      const choice = form.kind === 'choose' ? form.choices.find((c) => c.value === answer.value) : undefined;
      const holds =
        form.kind === 'choose'
          ? choice !== undefined && choice.disabled === undefined
          : (await check(question, form, answer.value)) === undefined;
      if (!holds) continue;
      context = keep(question.id, answer);
      more = true;
      break;
    }
  }
  return context.answers;
}
