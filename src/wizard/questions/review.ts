/**
 * The review. It lists every answer with who chose it; each row leads back to its question, and the last rows are
 * actions.
 */

import { displayPath } from '../../base/paths.ts';
import { formatBytes, formatDuration } from '../../base/text.ts';
import type { Chooser, Provenance, RunSpec } from '../../spec/schema.ts';
import { truncate, truncateStart } from '../../terminal/columns.ts';
import { type Flow, JUMP, visible } from './machine.ts';
import { type Choice, modeOf, type Question, type WizardContext } from './question.ts';
import { trainsOn } from './setting-groups.ts';
import { baseOf, boxOf, derive, entryOf, machineOf } from './values.ts';

/** Actions of the review. Each is a result of the wizard. */
export const actions = ['start', 'detach', 'save', 'show'] as const;
export type ReviewAction = (typeof actions)[number];

const isAction = (value: string): value is ReviewAction => actions.some((action) => action === value);
export const reviewAction = (value: string): ReviewAction | undefined => (isAction(value) ? value : undefined);

const name = (flow: () => Flow): Question => ({
  id: 'name',
  step: 'review',
  label: 'Name',
  onRequest: true,
  text: () => 'What shall the run and its LoRA be called?',
  why: 'It names the file you will use later: letters, digits, dots, dashes.',
  form: (context) => {
    const derived = derive(flow(), context);
    return { kind: 'line', initial: 'spec' in derived ? derived.spec.name : '', setting: 'name' };
  },
  sets: (value) => ({ name: value }),
});

const file: Question = {
  id: 'file',
  step: 'review',
  label: 'File',
  onRequest: true,
  text: () => 'Where shall the settings be written?',
  why: 'This file repeats the run exactly: visiontrain run FILE. No other file is replaced.',
  terms: ['run.yaml'],
  form: ({ answers, facts }) => ({ kind: 'line', initial: answers.file?.value ?? facts.file, path: 'file' }),
};

function review(flow: () => Flow): Question {
  return {
    id: 'review',
    step: 'review',
    label: 'Review',
    text: () => 'All set: start, or change a line?',
    why: 'Enter on a line above changes that answer.',
    terms: ['run.yaml'],
    form: (context) => ({
      kind: 'choose',
      initial: 'start',
      choices: [...rows(flow(), context), ...actionChoices(flow(), context)],
    }),
  };
}

/** Questions whose rows lead to another question: from the first list of models all others can be reached. */
const doors: Readonly<Record<string, string>> = { 'model.more': 'model.base', 'model.file': 'model.base' };

function rows(flow: Flow, context: WizardContext): Choice[] {
  const derived = derive(flow, context);
  const provenance: Provenance = 'spec' in derived ? derived.provenance : {};
  const base = baseOf(context.answers);
  const questions = visible(flow, context).filter(
    (q) => q.id !== 'review' && !(q.id === 'model.base' && base !== undefined && base !== context.answers[q.id]?.value),
  );
  const answered = questions.flatMap((question): Choice[] => {
    const answer = context.answers[question.id];
    if (answer === undefined) return [];
    const keys = Object.keys(question.sets?.(answer.value, context) ?? {});
    const who = question.chooser?.(context) ?? whoOf(keys, provenance) ?? (answer.by === 'you' ? 'you' : 'preset');
    const text = question.record?.(answer.value, context) ?? answer.value;
    return [
      {
        value: JUMP + (doors[question.id] ?? question.id),
        cells: [question.label, clip(text), who],
        about: question.why,
      },
    ];
  });
  return [...answered, ...derivedRows(derived, context)];
}

/** Who chose the values of these keys, as run.yaml will say; undefined when the answer sets no key. */
function whoOf(keys: readonly string[], provenance: Provenance): Chooser | undefined {
  const all = keys.map((key) => provenance[key] ?? 'preset');
  if (all.length === 0) return undefined;
  return all.includes('detected') ? 'detected' : all.every((by) => by === 'you') ? 'you' : 'preset';
}

function derivedRows(derived: ReturnType<typeof derive>, context: WizardContext): Choice[] {
  const { answers, facts } = context;
  if (!('spec' in derived)) return [];
  const { spec, provenance } = derived;
  const memory: Choice = {
    value: `${JUMP}set:resources.device`,
    cells: ['Resources', clip(trainsOn(spec, machineOf(context))), provenance['resources.precision'] ?? 'preset'],
    about: 'Where it trains, and in which number format.',
  };
  // The duration of a step on another machine is unknown here.
  const time = boxOf(context) === undefined ? timeOf(spec, facts) : undefined;
  const lasts: Choice[] =
    time === undefined
      ? []
      : [
          {
            value: `${JUMP}set:training.steps`,
            cells: ['Time', clip(time), 'detected'],
            about: 'As steps of earlier runs of this kind took on this machine, without samples and validation.',
          },
        ];
  const named: Choice = {
    value: `${JUMP}name`,
    cells: ['Name', clip(spec.name), answers.name === undefined ? 'preset' : 'you'],
    about: 'Name of the run and of the LoRA file.',
  };
  const written: Choice = {
    value: `${JUMP}file`,
    cells: [
      'File',
      clip(answers.file?.value ?? displayPath(facts.file, facts.cwd)),
      answers.file === undefined ? 'preset' : 'you',
    ],
    about: 'All settings, with a comment on each. This file repeats the run exactly.',
  };
  // Advanced mode has a question for all keys of the resources.
  return modeOf(answers) === 'easy'
    ? [...samplesRow(spec, provenance), memory, ...lasts, named, written]
    : [...lasts, named, written];
}

/** What the sample pictures are to show. Advanced has a question for all that there is to samples. */
function samplesRow({ samples, captions }: RunSpec, provenance: Provenance): Choice[] {
  const [first, ...others] = samples.prompts;
  if (first === undefined) return [];
  const who = provenance['samples.prompts'] ?? 'preset';
  const more = others.length === 0 ? '' : ` +${others.length}`;
  const from =
    who === 'detected'
      ? 'From your captions'
      : who === 'preset' && captions.write !== null
        ? 'From the captions, once they are written; till then'
        : 'Prompts of the sample pictures';
  return [
    {
      value: `${JUMP}set:samples.prompts`,
      cells: ['Samples', `${truncate(first, 50 - more.length)}${more}`, who],
      about: `${from}: ${samples.prompts.map((prompt) => truncate(prompt, 50)).join(' | ')}`,
    },
  ];
}

/** How long all steps will take, in words; undefined without an earlier run of the kind. */
function timeOf(spec: RunSpec, { pace }: WizardContext['facts']): string | undefined {
  const { steps } = spec.training;
  const seconds = typeof steps === 'number' ? pace?.(spec) : undefined;
  return seconds === undefined || typeof steps !== 'number' ? undefined : `about ${formatDuration(steps * seconds)}`;
}

const clip = (text: string) => truncateStart(text, 50);

function actionChoices(flow: Flow, context: WizardContext): Choice[] {
  const derived = derive(flow, context);
  const wrong = 'problems' in derived ? derived.problems : [];
  const problem = wrong.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  const blocked = problem === '' ? {} : { disabled: problem };
  const entry = entryOf(context);
  const bytes = entry === undefined ? undefined : context.facts.models.get(entry.id)?.fetchBytes;
  const fetch = bytes === undefined || bytes === 0 ? '' : `; ${formatBytes(bytes)} are fetched first`;
  const box = boxOf(context);
  const start =
    box === undefined
      ? `Writes the file, trains and shows the run${fetch}. Closing the window does not stop it.`
      : `Writes the file, sends what it needs to ${box}, trains there and shows the run. What comes out comes home.`;
  const run = box === undefined ? '' : `${box}:${'spec' in derived ? derived.spec.name : 'RUN'}`;
  return [
    {
      value: 'start',
      cells: ['Start now'],
      about: start,
      ...blocked,
    },
    {
      value: 'detach',
      cells: ['Start and detach'],
      about: `The same in the background: look at it with visiontrain attach${run === '' ? '' : ` ${run}`}.`,
      ...blocked,
    },
    {
      value: 'save',
      cells: ['Save run.yaml only'],
      about: `Start it whenever you like: visiontrain run FILE${box === undefined ? '' : ` --on ${box}`}`,
      ...blocked,
    },
    { value: 'show', cells: ['Show run.yaml'], about: 'Every setting, and who chose it.', ...blocked },
  ];
}

export function reviewQuestions(flow: () => Flow): {
  readonly review: Question;
  readonly onRequest: readonly Question[];
} {
  return { review: review(flow), onRequest: [name(flow), file] };
}
