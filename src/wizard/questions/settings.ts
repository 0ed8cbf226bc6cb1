/** Advanced: every key of run.yaml as a question of its own, made from the schema's own words, in groups. */
import { type JsonNode, type SpecKey, specKeys } from '../../engine/config/keys.ts';
import { type Flow, JUMP } from '../machine.ts';
import type { Asking, Choice, ChooseForm, LineForm, Question, Step } from '../question.ts';
import { derive, SETTING } from '../values.ts';

interface Group {
  readonly id: string;
  readonly step: Step;
  readonly label: string;
  readonly text: string;
  readonly section: string;
}

const groups: readonly Group[] = [
  {
    id: 'settings:dataset',
    step: 'data',
    label: 'More',
    text: 'Anything else about the data set?',
    section: 'dataset',
  },
  { id: 'settings:model', step: 'model', label: 'More', text: 'Anything else about the model?', section: 'model' },
  { id: 'settings:training', step: 'training', label: 'Training', text: 'How shall it train?', section: 'training' },
  {
    id: 'settings:samples',
    step: 'training',
    label: 'Samples',
    text: 'Which sample pictures on the way?',
    section: 'samples',
  },
  { id: 'settings:output', step: 'training', label: 'Output', text: 'What shall come out?', section: 'output' },
  {
    id: 'settings:resources',
    step: 'resources',
    label: 'Resources',
    text: 'With which resources?',
    section: 'resources',
  },
];

/** Keys that have a question of their own in both modes; `version` is never asked. */
const asked = new Set(['version', 'dataset.path', 'dataset.goal', 'dataset.trigger', 'model.base', 'name']);

/** Settings a person may set, by group. */
const keysOf = (section: string): readonly SpecKey[] =>
  specKeys.filter((key) => key.section === section && !asked.has(key.key));

/** The value as a person would type it. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(String).join(value.some((v) => typeof v === 'string') ? ' | ' : ', ');
  if (value === '') return 'empty';
  return String(value);
}

/** What a person typed, as the value of this key; text that fits no type is left for the schema to refuse. */
export function parse(node: JsonNode, typed: string): unknown {
  const text = typed.trim();
  const kinds = node.anyOf ?? [node];
  if (kinds.some((kind) => kind.type === 'null') && /^(none|null|)$/i.test(text)) return null;
  const list = kinds.find((kind) => kind.type === 'array');
  if (list !== undefined) {
    const strings = (list.items || undefined)?.type === 'string';
    if (strings) return text === '' || text === 'none' ? [] : text.split('|').map((part) => part.trim());
    if (text.includes(',')) return text.split(',').map((part) => Number(part.trim()));
  }
  if (
    kinds.some((kind) => kind.type === 'number' || kind.type === 'integer') &&
    text !== '' &&
    !Number.isNaN(Number(text))
  )
    return Number(text);
  if (kinds.some((kind) => kind.type === 'boolean'))
    return /^(yes|true|on)$/i.test(text) || (/^(no|false|off)$/i.test(text) ? false : text);
  return text === 'empty' ? '' : text;
}

/** The question of one key; `current` is what it is now. */
function settingQuestion({ key, section, node }: SpecKey, flow: () => Flow): Question {
  const step = groups.find((group) => group.section === section)?.step ?? 'training';
  const name = key.slice(section.length + 1);
  const now = (context: Asking) => {
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
      if (options === undefined) return { kind: 'line', initial: show(value), setting: key };
      return {
        kind: 'choose',
        initial: JSON.stringify(value),
        choices: options.map((option) => ({ value: JSON.stringify(option), cells: [show(option)] })),
      };
    },
    record: (value) => show(JSON.parse(value)),
  };
}

function groupQuestion({ id, step, label, text, section }: Group, flow: () => Flow): Question {
  return {
    id,
    step,
    label,
    mode: 'advanced',
    text: () => text,
    why: 'Enter on a setting changes it. Everything has a value already.',
    form: (context) => {
      const derived = derive(flow(), context);
      const rows = keysOf(section).map(({ key, node }): Choice => {
        const name = key.slice(section.length + 1);
        const value = 'spec' in derived ? show(at(derived.spec, key)) : '';
        const who = 'spec' in derived ? (derived.provenance[key] ?? 'preset') : '';
        return {
          value: `${JUMP}${SETTING}${key}`,
          cells: [name, clip(value), who],
          about: `${node.description ?? ''} ${node.why ?? ''}`,
        };
      });
      const on: Choice = { value: 'on', cells: ['Go on', 'with these'], about: 'Takes the values below as they are.' };
      return { kind: 'choose', initial: 'on', choices: [on, ...rows] };
    },
    record: (_value, context) => {
      const mine = keysOf(section).filter(({ key }) => context.answers[SETTING + key] !== undefined);
      return mine.length === 0
        ? 'as recommended'
        : `yours: ${mine.map(({ key }) => key.slice(section.length + 1)).join(', ')}`;
    },
  };
}

const clip = (text: string) => (text.length > 40 ? `${text.slice(0, 39)}…` : text);

export function at(spec: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], spec);
}

/** Groups in the order of the flow, and every single setting. */
export function settingQuestions(flow: () => Flow): {
  readonly groups: readonly Question[];
  readonly single: readonly Question[];
} {
  return {
    groups: groups.map((group) => groupQuestion(group, flow)),
    single: groups.flatMap(({ section }) => keysOf(section).map((key) => settingQuestion(key, flow))),
  };
}
