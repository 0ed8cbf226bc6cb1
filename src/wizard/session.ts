/** Drives the questions after the first one: it asks, checks and remembers, until the review ends it. */

import { CancelledError, UsageError } from '../base/errors.ts';
import { absolute } from '../base/paths.ts';
import { neutralise } from '../base/text.ts';
import { dataPlace } from '../engine/brought/unpackers.ts';
import type { Style } from '../terminal/style.ts';
import type { Line } from '../terminal/styled.ts';
import type { Capabilities } from '../terminal/terminal.ts';
import {
  answerOf,
  dependentAnswers,
  followDefaults,
  fromAnywhere,
  settingJson,
  stillValid,
  without,
} from './answers.ts';
import { bind, frameOf } from './frames.ts';
import type { Asker } from './prompts/frame.ts';
import type { FolderFacts, WizardFacts } from './questions/facts.ts';
import { wizardFlow } from './questions/flow.ts';
import { back, type Flow, JUMP, next, type Position, resume } from './questions/machine.ts';
import type { Answer, Answers, CheckWatch, LineForm, Question, WizardContext } from './questions/question.ts';
import { type ReviewAction, reviewAction } from './questions/review.ts';
import { derive, SETTING } from './questions/values.ts';
import { fileProblem } from './sources/folders.ts';

export interface SessionInput {
  readonly asker: Asker;
  readonly can: Capabilities;
  readonly style: Style;
  readonly facts: WizardFacts;
  readonly answers: Answers;
  /** Reads a folder; returns a sentence when its images cannot be trained on. */
  readonly readFolder: (path: string, watch?: CheckWatch) => Promise<FolderFacts | string>;
  /** Returns a sentence when the file is no base model. */
  readonly modelProblem: (path: string) => Promise<string | undefined>;
  readonly save: (answers: Answers) => void;
  readonly say: (lines: readonly Line[]) => void;
  /** Lines to print when a folder has been accepted. */
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
  const left = new AbortController();
  const ending = (watch: CheckWatch | undefined): CheckWatch | undefined =>
    watch && { ...watch, signal: AbortSignal.any([watch.signal, left.signal]) };
  let { facts } = input;
  let position: Position = { id: 'mode' };
  // Answers of a draft, a file or a flag are used only if they are still valid.
  let answers: Answers = {};
  const context = (): WizardContext => ({ answers, facts });

  const lookAt = async (path: string, watch?: CheckWatch): Promise<string | undefined> => {
    const key = dataPlace(path, facts);
    const folder = session.get(key) ?? (await input.readFolder(key, watch));
    if (typeof folder === 'string') return folder;
    session.set(key, folder);
    return undefined;
  };
  const judge = async (question: Question, form: LineForm, text: string, watch?: CheckWatch) => {
    if (form.path === 'pictures') return text === '' ? 'Type the folder of your pictures.' : lookAt(text, watch);
    if (form.path === 'model')
      return text === '' ? 'Type the path of your model.' : input.modelProblem(absolute(text, facts));
    if (form.path === 'file') {
      const path = absolute(text, facts);
      return path === facts.file ? undefined : fileProblem(path);
    }
    return settingProblem(flow, context(), question, form, text);
  };
  const check = (question: Question, form: LineForm, text: string, watch?: CheckWatch): Promise<string | undefined> =>
    judge(question, form, text, watch).catch((error: unknown) => {
      // For a text that can be no path on this machine, the error's message becomes the check's.
      if (!(error instanceof UsageError)) throw error;
      return neutralise([error.message, ...error.nextSteps].join(' '));
    });
  const setAnswer = (id: string, answer: Answer) => {
    // In the order of questions the dependent questions come again in any case, so their answers may stay when the
    // value is the same. From the review they come again only if their answers are dropped.
    const anew = position.returnTo !== undefined || answers[id]?.value !== answer.value;
    answers = { ...without(answers, anew ? (dependentAnswers[id] ?? []) : []), [id]: answer };
    if (id === 'dataset.path') facts = { ...facts, folder: session.get(dataPlace(answer.value, facts)) };
    answers = followDefaults(flow, context());
    input.save(fromAnywhere(answers, facts));
  };

  /** Esc out of a change undoes the whole change, including the questions that it opened. */
  let before: Answers | undefined;
  const restore = (earlier: Answers) => {
    answers = earlier;
    const path = answers['dataset.path'];
    if (path !== undefined) facts = { ...facts, folder: session.get(dataPlace(path.value, facts)) ?? facts.folder };
    input.save(fromAnywhere(answers, facts));
  };

  answers = await stillValid(flow, input, check, (id, answer) => {
    answers = { ...answers, [id]: answer };
    if (id === 'dataset.path') facts = { ...facts, folder: session.get(dataPlace(answer.value, facts)) };
    return context();
  });
  if (facts.folder !== undefined) input.say(input.describeFolder(facts.folder));
  position = resume(flow, context());

  for (;;) {
    const question = flow.find(position.id);
    if (question === undefined) throw new Error(`no question ${position.id}`);
    const form = question.form(context());
    const previous = back(flow, position, context());
    const asked =
      form.kind === 'choose'
        ? form
        : bind(form, facts.cwd, (text, watch) => check(question, form, text, ending(watch)));
    const reply = await input
      .asker(frameOf(input, question, context(), previous !== undefined), asked)
      .catch((error: unknown) => {
        // When the person leaves, downloads in progress are not waited for.
        left.abort();
        throw error;
      });
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
        setAnswer(question.id, answerOf(question, form.initial, reply.value, answers[question.id]));
        if (question.id === 'dataset.path' && facts.folder !== undefined) input.say(input.describeFolder(facts.folder));
      }
      if (reply.value.startsWith(JUMP)) before = answers;
      position = next(flow, position, reply.value, context());
    }
  }
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
