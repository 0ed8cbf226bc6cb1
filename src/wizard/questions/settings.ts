/** Advanced mode: every key of run.yaml as a question of its own, made from the schema and sorted into groups. */

import type { SpecKey } from '../../spec/keys.ts';
import type { Chooser } from '../../spec/schema.ts';
import { truncate } from '../../terminal/columns.ts';
import { type Flow, JUMP } from './machine.ts';
import type { Choice, ChooseForm, LineForm, Question, WizardContext } from './question.ts';
import { type Group, groups, keysOf, takes } from './setting-groups.ts';
import { shown } from './setting-values.ts';
import { at, derive, machineOf, SETTING } from './values.ts';

/** The question for one key. */
function settingQuestion({ key, section, node }: SpecKey, flow: () => Flow): Question {
  const step = groups.find((group) => group.section === section)?.step ?? 'training';
  const name = key.slice(section.length + 1);
  const now = (context: WizardContext) => {
    const derived = derive(flow(), context);
    return 'spec' in derived ? at(derived.spec, key) : undefined;
  };
  return {
    id: SETTING + key,
    step,
    label: name,
    onRequest: true,
    text: () => `${key}${node.unit === undefined ? '' : ` (${node.unit})`}: ${node.description ?? ''}`,
    why: `When to change it: ${node.why ?? ''}`,
    terms: [name.replaceAll('_', ' ')],
    form: (context): ChooseForm | LineForm => {
      const options = node.type === 'boolean' ? [true, false] : (node.enum ?? undefined);
      const value = now(context);
      if (options === undefined) return { kind: 'line', initial: shown(value), setting: key };
      return {
        kind: 'choose',
        initial: JSON.stringify(value),
        choices: options.map((option) => ({ value: JSON.stringify(option), cells: [shown(option)] })),
      };
    },
    record: (value) => shown(JSON.parse(value)),
  };
}

function groupQuestion(group: Group, flow: () => Flow): Question {
  const { id, step, label, text, section, gist } = group;
  const mine = ({ answers }: WizardContext) => keysOf(group).some(({ key }) => answers[SETTING + key] !== undefined);
  return {
    id,
    step,
    label,
    mode: 'advanced',
    text: (context) => {
      const derived = derive(flow(), context);
      const memory = 'spec' in derived ? takes(derived.spec, machineOf(context).cards).slice(2) : '';
      return ['training', 'resources'].includes(section) && memory !== '' ? `${text} (a step: ${memory})` : text;
    },
    why: 'Enter on a setting changes it. Everything has a value already.',
    form: (context) => {
      const derived = derive(flow(), context);
      const rows = keysOf(group).map(({ key, node }): Choice => {
        const name = key.slice(section.length + 1);
        const value = 'spec' in derived ? shown(at(derived.spec, key)) : '';
        const who = 'spec' in derived ? shortChooser(derived.provenance[key]) : '';
        return {
          value: `${JUMP}${SETTING}${key}`,
          cells: [name, truncate(value, 40), who],
          about: `${node.description ?? ''} ${node.why ?? ''}`,
        };
      });
      const on: Choice = { value: 'on', cells: ['Go on', 'with these'], about: 'Takes the values below as they are.' };
      return { kind: 'choose', initial: 'on', choices: [on, ...rows] };
    },
    record: (_value, context) => {
      const derived = derive(flow(), context);
      return 'spec' in derived ? gist(derived.spec, machineOf(context)) : 'to be mended';
    },
    chooser: (context) => {
      const derived = derive(flow(), context);
      const chose = (who: Chooser) =>
        'spec' in derived && keysOf(group).some(({ key }) => derived.provenance[key] === who);
      return mine(context) && chose('you') ? 'you' : chose('detected') ? 'detected' : 'preset';
    },
  };
}

/** Who chose a key, without the name of a preset, for which a row is too short. */
const shortChooser = (who: Chooser | undefined): Chooser =>
  who?.startsWith('preset') === true ? 'preset' : (who ?? 'preset');

/** The groups in the order of the flow, and the questions of all single settings. */
export function settingQuestions(flow: () => Flow): {
  readonly groups: readonly Question[];
  readonly single: readonly Question[];
} {
  return {
    groups: groups.map((group) => groupQuestion(group, flow)),
    single: groups.flatMap((group) => keysOf(group).map((key) => settingQuestion(key, flow))),
  };
}
