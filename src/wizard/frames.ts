/** Prepares a question for the prompts: its frame, its line with suggestions, and the record of its answer. */
import { dataPlace } from '../engine/brought/unpackers.ts';
import { helpFor } from '../spec/glossary.ts';
import type { Style } from '../terminal/style.ts';
import type { Capabilities } from '../terminal/terminal.ts';
import { settingJson } from './answers.ts';
import type { LineAsk, PromptFrame } from './prompts/frame.ts';
import { JUMP } from './questions/machine.ts';
import { TOLD } from './questions/notices.ts';
import { type LineForm, placeOf, type Question, type WizardContext } from './questions/question.ts';
import { shown } from './questions/setting-values.ts';
import { SETTING } from './questions/values.ts';
import { suggestPaths } from './sources/folders.ts';

export function bind(form: LineForm, cwd: string, check: LineAsk['check']): LineAsk {
  const { path } = form;
  return {
    kind: 'line',
    initial: form.initial,
    ...(form.placeholder === undefined ? {} : { placeholder: form.placeholder }),
    check,
    ...(path === undefined ? {} : { suggest: (text) => suggestPaths(text, path, cwd) }),
  };
}

export function frameOf(
  { style, can }: { readonly style: Style; readonly can: Capabilities },
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
  if (value.startsWith(JUMP)) return `change ${value.slice(JUMP.length).replace(SETTING, '').replace(TOLD, '')}`;
  if (question.id.startsWith(SETTING)) return shown(JSON.parse(settingJson(question.id, value)));
  if (question.id === 'review')
    return { start: 'start now', detach: 'start and detach', save: 'save only', show: 'show run.yaml' }[value] ?? value;
  if (question.id === 'dataset.path') return homely(dataPlace(value, context.facts), context.facts.home);
  return (
    question.record?.(value, { ...context, answers: { ...context.answers, [question.id]: { value, by: 'you' } } }) ??
    value
  );
}

/** A path with `~` for the home folder: `/home/ann/art/fox` → `~/art/fox`. */
const homely = (path: string, home: string) => (path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path);
