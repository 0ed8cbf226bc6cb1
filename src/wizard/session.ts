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
import type { Asker, Reply } from './prompts/frame.ts';
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

/**
 * Asks the questions until the review ends the wizard.
 * @throws CancelledError when the person leaves at the first question
 */
export const runSession = (input: SessionInput): Promise<SessionResult> => new Session(input).run();

/** The answers so far, and the question that is being asked. */
class Session {
  readonly #input: SessionInput;
  readonly #flow = wizardFlow();
  /** Folders that were read, so that none is read twice. */
  readonly #folders = new Map<string, FolderFacts>();
  readonly #left = new AbortController();
  #facts: WizardFacts;
  #position: Position = { id: 'mode' };
  #answers: Answers = {};
  /** Esc out of a change undoes the whole change, including the questions that it opened. */
  #before: Answers | undefined;

  constructor(input: SessionInput) {
    this.#input = input;
    this.#facts = input.facts;
  }

  async run(): Promise<SessionResult> {
    // Answers of a draft, a file or a flag are used only if they are still valid.
    this.#answers = await stillValid(
      this.#flow,
      this.#input,
      (question, form, text) => this.#check(question, form, text),
      (id, answer) => {
        this.#answers = { ...this.#answers, [id]: answer };
        if (id === 'dataset.path') this.#setFolder(answer.value);
        return this.#context;
      },
    );
    this.#describeFolder();
    this.#position = resume(this.#flow, this.#context);
    for (;;) {
      const action = await this.#step();
      if (action !== undefined) return { action, context: this.#context, flow: this.#flow };
    }
  }

  get #context(): WizardContext {
    return { answers: this.#answers, facts: this.#facts };
  }

  /** Asks the present question; returns the action that ends the wizard. */
  async #step(): Promise<SessionResult['action'] | undefined> {
    const question = this.#flow.find(this.#position.id);
    if (question === undefined) throw new Error(`no question ${this.#position.id}`);
    const form = question.form(this.#context);
    const previous = back(this.#flow, this.#position, this.#context);
    const reply = await this.#ask(question, form, previous !== undefined);
    if (reply.kind === 'back') {
      if (previous === undefined) throw new CancelledError('');
      if (this.#position.returnTo !== undefined && this.#before !== undefined) this.#restore(this.#before);
      this.#position = previous;
      return undefined;
    }
    const action = question.id === 'review' ? reviewAction(reply.value) : undefined;
    if (action === 'show') this.#input.say(this.#input.render(this.#context, this.#flow).split('\n'));
    else if (action !== undefined) return action;
    else this.#follow(question, form, reply.value);
    return undefined;
  }

  #ask(question: Question, form: ReturnType<Question['form']>, canGoBack: boolean): Promise<Reply> {
    const ending = (watch: CheckWatch | undefined): CheckWatch | undefined =>
      watch && { ...watch, signal: AbortSignal.any([watch.signal, this.#left.signal]) };
    const bound =
      form.kind === 'choose'
        ? form
        : bind(form, this.#facts.cwd, (text, watch) => this.#check(question, form, text, ending(watch)));
    const frame = frameOf(this.#input, question, this.#context, canGoBack);
    return this.#input.asker(frame, bound).catch((error: unknown) => {
      // When the person leaves, downloads in progress are not waited for.
      this.#left.abort();
      throw error;
    });
  }

  /** Stores an answer, or jumps to another question, and goes on. */
  #follow(question: Question, form: ReturnType<Question['form']>, value: string): void {
    if (value.startsWith(JUMP)) this.#before = this.#answers;
    else {
      this.#setAnswer(question.id, answerOf(question, form.initial, value, this.#answers[question.id]));
      if (question.id === 'dataset.path') this.#describeFolder();
    }
    this.#position = next(this.#flow, this.#position, value, this.#context);
  }

  #check(question: Question, form: LineForm, text: string, watch?: CheckWatch): Promise<string | undefined> {
    return this.#judge(question, form, text, watch).catch((error: unknown) => {
      // For a text that can be no path on this machine, the error's message becomes the check's.
      if (!(error instanceof UsageError)) throw error;
      return neutralise([error.message, ...error.nextSteps].join(' '));
    });
  }

  async #judge(question: Question, form: LineForm, text: string, watch?: CheckWatch): Promise<string | undefined> {
    if (form.problem !== undefined) return form.problem(text);
    if (form.path === 'pictures') return text === '' ? 'Type the folder of your pictures.' : this.#read(text, watch);
    if (form.path === 'model')
      return text === '' ? 'Type the path of your model.' : this.#input.modelProblem(absolute(text, this.#facts));
    if (form.path === 'file') {
      const path = absolute(text, this.#facts);
      return path === this.#facts.file ? undefined : fileProblem(path);
    }
    return settingProblem(this.#flow, this.#context, { question, form, text });
  }

  /** Reads a folder; returns a sentence when its images cannot be trained on. */
  async #read(path: string, watch?: CheckWatch): Promise<string | undefined> {
    const key = dataPlace(path, this.#facts);
    const folder = this.#folders.get(key) ?? (await this.#input.readFolder(key, watch));
    if (typeof folder === 'string') return folder;
    this.#folders.set(key, folder);
    return undefined;
  }

  #setAnswer(id: string, answer: Answer): void {
    // In the order of questions the dependent questions come again in any case, so their answers may stay when the
    // value is the same. From the review they come again only if their answers are dropped.
    const anew = this.#position.returnTo !== undefined || this.#answers[id]?.value !== answer.value;
    this.#answers = { ...without(this.#answers, anew ? (dependentAnswers[id] ?? []) : []), [id]: answer };
    if (id === 'dataset.path') this.#setFolder(answer.value);
    this.#answers = followDefaults(this.#flow, this.#context);
    this.#save();
  }

  #restore(earlier: Answers): void {
    this.#answers = earlier;
    const path = earlier['dataset.path'];
    if (path !== undefined) this.#setFolder(path.value, this.#facts.folder);
    this.#save();
  }

  #setFolder(path: string, otherwise?: FolderFacts): void {
    this.#facts = { ...this.#facts, folder: this.#folders.get(dataPlace(path, this.#facts)) ?? otherwise };
  }

  #describeFolder(): void {
    if (this.#facts.folder !== undefined) this.#input.say(this.#input.describeFolder(this.#facts.folder));
  }

  #save(): void {
    this.#input.save(fromAnywhere(this.#answers, this.#facts));
  }
}

function settingProblem(
  flow: Flow,
  context: WizardContext,
  { question, form, text }: { readonly question: Question; readonly form: LineForm; readonly text: string },
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
