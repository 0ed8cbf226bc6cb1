/** Drives the questions after the first one: it asks, checks and remembers, until the review ends it. */

import { CancelledError, UsageError } from '../base/errors.ts';
import { absolute } from '../base/paths.ts';
import { neutralise } from '../base/text.ts';
import { helpFor } from '../spec/glossary.ts';
import { findKey } from '../spec/keys.ts';
import type { Style } from '../terminal/style.ts';
import type { Line } from '../terminal/styled.ts';
import type { Capabilities } from '../terminal/terminal.ts';
import type { Asker, LineAsk, PromptFrame } from './prompts/frame.ts';
import type { FolderFacts, WizardFacts } from './questions/facts.ts';
import { wizardFlow } from './questions/flow.ts';
import { back, type Flow, JUMP, next, type Position, resume, visible } from './questions/machine.ts';
import {
  type Answer,
  type Answers,
  type LineForm,
  placeOf,
  type Question,
  type WizardContext,
} from './questions/question.ts';
import { type ReviewAction, reviewAction } from './questions/review.ts';
import { parse, shown } from './questions/settings.ts';
import { derive, SETTING } from './questions/values.ts';
import { fileProblem, suggestPaths } from './sources/folders.ts';

export interface SessionInput {
  readonly asker: Asker;
  readonly can: Capabilities;
  readonly style: Style;
  readonly facts: WizardFacts;
  readonly answers: Answers;
  /** Reads a folder; returns a sentence when it cannot be trained on. */
  readonly readFolder: (path: string) => Promise<FolderFacts | string>;
  /** Returns a sentence when the file is no base model. */
  readonly modelProblem: (path: string) => Promise<string | undefined>;
  readonly save: (answers: Answers) => void;
  readonly say: (lines: readonly Line[]) => void;
  /** Lines that are shown when a folder has been accepted. */
  readonly describeFolder: (folder: FolderFacts) => readonly Line[];
  readonly render: (context: WizardContext, flow: Flow) => string;
}

export interface SessionResult {
  readonly action: Exclude<ReviewAction, 'show'>;
  readonly context: WizardContext;
  readonly flow: Flow;
}

export async function runSession(input: SessionInput): Promise<SessionResult> {
  const flow = wizardFlow();
  const session = new Map<string, FolderFacts>();
  let { facts } = input;
  let position: Position = { id: 'mode' };
  // Given answers are taken over only if they are still valid.
  let answers: Answers = {};
  const context = (): WizardContext => ({ answers, facts });

  const lookAt = async (path: string): Promise<string | undefined> => {
    const key = absolute(path, facts);
    const folder = session.get(key) ?? (await input.readFolder(key));
    if (typeof folder === 'string') return folder;
    session.set(key, folder);
    return undefined;
  };
  const judge = async (question: Question, form: LineForm, text: string): Promise<string | undefined> => {
    if (form.path === 'pictures') return text === '' ? 'Type the folder of your pictures.' : lookAt(text);
    if (form.path === 'model')
      return text === '' ? 'Type the path of your model.' : input.modelProblem(absolute(text, facts));
    if (form.path === 'file') {
      const path = absolute(text, facts);
      return path === facts.file ? undefined : fileProblem(path);
    }
    return settingProblem(flow, context(), question, form, text);
  };
  const check = (question: Question, form: LineForm, text: string): Promise<string | undefined> =>
    judge(question, form, text).catch((error: unknown) => {
      // A text that can be no path on this machine is a wrong answer, so the message becomes that of the check.
      if (!(error instanceof UsageError)) throw error;
      return neutralise([error.message, ...error.nextSteps].join(' '));
    });
  const take = (id: string, answer: Answer) => {
    // In the order of questions the dependent questions come again in any case, so their answers may stay when the
    // value is the same. From the review they come again only if their answers are dropped.
    const anew = position.returnTo !== undefined || answers[id]?.value !== answer.value;
    answers = { ...without(answers, anew ? (dependentAnswers[id] ?? []) : []), [id]: answer };
    if (id === 'dataset.path') facts = { ...facts, folder: session.get(absolute(answer.value, facts)) };
    answers = followDefaults(flow, context());
    input.save(fromAnywhere(answers, facts));
  };

  /** Esc out of a change undoes the whole change, including the questions that it opened. */
  let before: Answers | undefined;
  const restore = (earlier: Answers) => {
    answers = earlier;
    const path = answers['dataset.path'];
    if (path !== undefined) facts = { ...facts, folder: session.get(absolute(path.value, facts)) ?? facts.folder };
    input.save(fromAnywhere(answers, facts));
  };

  answers = await stillValid(flow, input, check, (id, answer) => {
    answers = { ...answers, [id]: answer };
    if (id === 'dataset.path') facts = { ...facts, folder: session.get(absolute(answer.value, facts)) };
    return context();
  });
  if (facts.folder !== undefined) input.say(input.describeFolder(facts.folder));
  position = resume(flow, context());

  for (;;) {
    const question = flow.find(position.id);
    if (question === undefined) throw new Error(`no question ${position.id}`);
    const form = question.form(context());
    const previous = back(flow, position, context());
    const asked = form.kind === 'choose' ? form : bind(form, facts.cwd, (text) => check(question, form, text));
    const reply = await input.asker(frameOf(input, question, context(), previous !== undefined), asked);
    if (reply.kind === 'back') {
      if (previous === undefined) throw new CancelledError('');
      if (position.returnTo !== undefined && before !== undefined) restore(before);
      position = previous;
      continue;
    }
    const action = question.id === 'review' ? reviewAction(reply.value) : undefined;
    if (action === 'show') input.say(input.render(context(), flow).split('\n'));
    else if (action !== undefined) return { action, context: context(), flow };
    else {
      if (!reply.value.startsWith(JUMP)) {
        take(question.id, answerOf(question, form.initial, reply.value, answers[question.id]));
        if (question.id === 'dataset.path' && facts.folder !== undefined) input.say(input.describeFolder(facts.folder));
      }
      if (reply.value.startsWith(JUMP)) before = answers;
      position = next(flow, position, reply.value, context());
    }
  }
}

/** The answers with absolute paths, because a draft may be continued in another folder. */
function fromAnywhere(answers: Answers, facts: WizardFacts): Answers {
  const paths = ['dataset.path', 'model.file', 'file'].flatMap((id) => {
    const answer = answers[id];
    return answer === undefined ? [] : [[id, { ...answer, value: absolute(answer.value, facts) }] as const];
  });
  return { ...answers, ...Object.fromEntries(paths) };
}

/** Answers that depend on another answer, and are asked for again when that one changes. */
const dependentAnswers: Readonly<Record<string, readonly string[]>> = {
  'model.base': ['model.more', 'model.file', 'model.license'],
  'model.more': ['model.license'],
};

const without = (answers: Answers, ids: readonly string[]): Answers =>
  Object.fromEntries(Object.entries(answers).filter(([id]) => !ids.includes(id)));

/** Enter on the offered value counts as the default's answer, unless the person had chosen that value before. */
function answerOf(question: Question, initial: string, value: string, before: Answer | undefined): Answer {
  const isSetting = question.id.startsWith(SETTING);
  const stored = isSetting && question.form !== undefined ? settingJson(question.id, value) : value;
  const kept = value === initial && before?.by !== 'you' && !isSetting;
  return { value: stored, by: kept ? 'default' : 'you' };
}

/** The answer to a single setting as JSON. Choices are JSON already; typed lines are parsed. */
function settingJson(id: string, value: string): string {
  const node = findKey(id.slice(SETTING.length))?.node;
  if (node === undefined || node.type === 'boolean' || node.enum !== undefined) return value;
  return JSON.stringify(parse(node, value));
}

function settingProblem(
  flow: Flow,
  context: WizardContext,
  question: Question,
  form: LineForm,
  text: string,
): string | undefined {
  const key = form.setting;
  if (key === undefined) return undefined;
  const value = question.id.startsWith(SETTING) ? settingJson(question.id, text) : text;
  const answers = { ...context.answers, [question.id]: { value, by: 'you' as const } };
  const derived = derive(flow, { ...context, answers });
  const problems = 'problems' in derived ? derived.problems : [];
  const problem = problems.find(({ path }) => path.join('.').startsWith(key));
  return problem === undefined ? undefined : problem.message.replace(/^must/, `${key} must`);
}

/**
 * These defaults come from the folder or the person and not from earlier answers; a draft may be continued elsewhere.
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
async function stillValid(
  flow: Flow,
  { answers, facts }: SessionInput,
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

function bind(form: LineForm, cwd: string, check: (text: string) => Promise<string | undefined>): LineAsk {
  const { path } = form;
  return {
    kind: 'line',
    initial: form.initial,
    ...(form.placeholder === undefined ? {} : { placeholder: form.placeholder }),
    check,
    ...(path === undefined ? {} : { suggest: (text) => suggestPaths(text, path, cwd) }),
  };
}

function frameOf(
  { style, can }: SessionInput,
  question: Question,
  context: WizardContext,
  canGoBack: boolean,
): PromptFrame {
  return {
    label: question.label,
    text: question.text(context),
    place: placeOf(question),
    why: question.why,
    help: helpFor(question.terms ?? []),
    canGoBack,
    record: (value) => recordOf(question, value, context),
    style,
    get columns() {
      return can.columns;
    },
    get rows() {
      return can.rows;
    },
  };
}

function recordOf(question: Question, value: string, context: WizardContext): string {
  if (value.startsWith(JUMP)) return `change ${value.slice(JUMP.length).replace(SETTING, '')}`;
  if (question.id.startsWith(SETTING)) return shown(JSON.parse(settingJson(question.id, value)));
  if (question.id === 'review')
    return { start: 'start now', detach: 'start and detach', save: 'save only', show: 'show run.yaml' }[value] ?? value;
  if (question.id === 'dataset.path') return homely(absolute(value, context.facts), context.facts.home);
  return (
    question.record?.(value, { ...context, answers: { ...context.answers, [question.id]: { value, by: 'you' } } }) ??
    value
  );
}

/** A path with `~` for the home folder: `/home/ann/art/fox` → `~/art/fox`. */
const homely = (path: string, home: string) => (path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path);
