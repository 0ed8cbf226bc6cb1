/** Advanced mode: every key of run.yaml as a question of its own, made from the schema and sorted into groups. */

import { plural } from '../../base/text.ts';
import { stepMemory } from '../../engine/plan/memory.ts';
import { textEncoderRates } from '../../engine/plan/parameters.ts';
import { groupOf, type JsonNode, type SpecKey, specKeys } from '../../spec/keys.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { cadenceWords, type Every } from '../../spec/sections/cadence.ts';
import { taskOf, trainingTasks } from '../../spec/training/tasks.ts';
import { yamlValue } from '../../spec/write.ts';
import { parseYaml } from '../../spec/yaml-tree.ts';
import { truncate } from '../../terminal/columns.ts';
import type { Machine } from './facts.ts';
import { type Flow, JUMP } from './machine.ts';
import type { Choice, ChooseForm, LineForm, Question, Step, WizardContext } from './question.ts';
import { at, derive, SETTING } from './values.ts';

interface Group {
  readonly id: string;
  readonly step: Step;
  readonly label: string;
  readonly text: string;
  readonly section: string;
  /** The task whose keys of `training` the group has. */
  readonly task?: string;
  /** What the review says of the group. */
  readonly gist: (spec: RunSpec, machine: Machine) => string;
}

const trainingGists: Readonly<Record<string, Group['gist']>> = {
  length: ({ training: t }) => `${cadenceWords(t.steps)}, batch ${t.batch_size}, learning rate ${t.learning_rate}`,
  optimizer: ({ training: t }) => `${t.optimizer}, ${t.schedule}`,
  adapter: ({ training: t }) => `rank ${t.rank}, alpha ${t.alpha}, ${t.targets} layers`,
  loss: ({ training: t }) =>
    [t.loss, ...weighting(t), ...(t.multires_noise === null ? [] : ['multires noise'])].join(', '),
};

const each = (every: Every) => (every === 0 ? 'at the end' : `each ${cadenceWords(every)}`);

const weighting = ({ loss_weighting: kind, min_snr_gamma: gamma }: RunSpec['training']) =>
  kind === 'none' || (kind === 'min_snr' && gamma === null) ? [] : [kind];

const groups: readonly Group[] = [
  {
    // These settings come after the model, whose recipe decides them: the resolution above all.
    id: 'settings:dataset',
    step: 'model',
    label: 'Data set',
    text: 'Anything else about the data set?',
    section: 'dataset',
    gist: ({ dataset: d }) => `${d.resolution} px, ${d.buckets ? 'buckets' : `${d.crop} crop`}`,
  },
  {
    id: 'settings:captions',
    step: 'model',
    label: 'Captioner',
    text: 'Anything else about captions that are written?',
    section: 'captions',
    gist: ({ captions: c }) => (c.write === null ? 'none are written' : `${c.write}, where there are none`),
  },
  {
    id: 'settings:model',
    step: 'model',
    label: 'Model kind',
    text: 'Anything else about the model?',
    section: 'model',
    gist: ({ model: m }) =>
      `${m.family}, ${m.prediction} prediction${m.zero_terminal_snr ? ', zero-terminal SNR' : ''}`,
  },
  ...trainingTasks.map(
    ({ id, label, text }): Group => ({
      id: id === 'length' ? 'settings:training' : `settings:training:${id}`,
      step: 'training',
      label,
      text,
      section: 'training',
      task: id,
      gist: trainingGists[id] ?? (() => ''),
    }),
  ),
  {
    id: 'settings:validation',
    step: 'training',
    label: 'Validation',
    text: 'How shall it be checked on pictures it does not train on?',
    section: 'validation',
    gist: ({ validation: v, dataset: d, output: o }) =>
      v.path === null && d.validation_share === 0
        ? 'none'
        : `${each(v.every ?? o.checkpoint_every)}${v.patience === null ? '' : `, ends after ${v.patience} higher ones`}`,
  },
  {
    id: 'settings:samples',
    step: 'training',
    label: 'Samples',
    text: 'Which sample pictures on the way?',
    section: 'samples',
    gist: ({ samples: s }) =>
      s.prompts.length === 0
        ? 'none'
        : `${plural(s.prompts.length, 'prompt')}, ${s.every === 0 ? 'before and after' : `each ${cadenceWords(s.every)}`}`,
  },
  {
    id: 'settings:output',
    step: 'training',
    label: 'Output',
    text: 'What shall come out?',
    section: 'output',
    gist: ({ output: o }) => `${o.precision}, ${o.metadata} metadata, checkpoint ${each(o.checkpoint_every)}`,
  },
  {
    id: 'settings:logging',
    step: 'training',
    label: 'Logging',
    text: 'What shall be logged for other programs?',
    section: 'logging',
    gist: ({ logging: l }) =>
      [...(l.tensorboard ? ['TensorBoard'] : []), ...(l.prometheus ? ['Prometheus'] : [])].join(', ') || 'nothing',
  },
  {
    id: 'settings:hooks',
    step: 'training',
    label: 'Hooks',
    text: 'Which commands of yours shall be run on the way?',
    section: 'hooks',
    gist: ({ hooks }) => {
      const count = Object.values(hooks).reduce((sum, list) => sum + list.length, 0);
      return count === 0 ? 'none' : plural(count, 'command');
    },
  },
  {
    id: 'settings:resources',
    step: 'resources',
    label: 'Resources',
    text: 'With which resources?',
    section: 'resources',
    gist: trainsOn,
  },
];

/** Device, precision and checkpointing that the run trains with, in words. */
export function trainsOn(spec: RunSpec, { cards, cpuCores }: Machine): string {
  const { device, precision, gradient_checkpointing } = spec.resources;
  const where =
    device === 'auto' ? (cards[0]?.name.replace(/^NVIDIA (GeForce )?/u, '') ?? plural(cpuCores, 'CPU core')) : device;
  const checkpointing = gradient_checkpointing === 'none' ? '' : `, checkpointing ${gradient_checkpointing}`;
  return `${where}, ${precision}${checkpointing}${takes(spec, cards)}`;
}

/** How much of the card's memory a step takes, in words; nothing without a card. */
function takes(spec: RunSpec, cards: Machine['cards']): string {
  const { model, training, resources: r, dataset: d } = spec;
  const card = cards.find((each) => r.device === each.device) ?? cards[0];
  if (card === undefined || r.device === 'cpu' || r.device === 'mps') return '';
  const memory = stepMemory({
    model,
    training: { ...training, text_encoder_learning_rates: [...textEncoderRates(spec)] },
    resources: r,
    pixels: d.resolution ** 2,
    maxTokens: 75,
    encodersLoaded: false,
  });
  return memory === undefined ? '' : `, about ${(memory.total / 2 ** 30).toFixed(1)} of ${Math.round(card.totalGb)} GB`;
}

/** Keys that have a question of their own in both modes. `version` is never asked. */
const asked = new Set(['version', 'dataset.path', 'dataset.goal', 'dataset.trigger', 'model.base', 'name']);

/** Keys of a group that a person may set. */
const keysOf = ({ section, task }: Pick<Group, 'section' | 'task'>): readonly SpecKey[] =>
  specKeys.filter(
    (key) =>
      key.section === section &&
      !asked.has(key.key) &&
      (task === undefined || taskOf(key.key.slice(section.length + 1)) === task),
  );

const isGroup = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value as a person would type it. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (isGroup(value) || (Array.isArray(value) && value.some(isGroup))) return yamlValue(value);
  if (Array.isArray(value) && value.length === 0) return 'none';
  if (Array.isArray(value)) return value.map(String).join(value.some((v) => typeof v === 'string') ? ' | ' : ', ');
  if (value === '') return 'empty';
  return String(value);
}

/** What a person typed, as a value for this key. A text that fits no type is left for the schema to refuse. */
export function parse(node: JsonNode, typed: string): unknown {
  const text = typed.trim();
  const kinds = node.anyOf ?? [node];
  if (kinds.some((kind) => kind.type === 'null') && /^(none|null|)$/i.test(text)) return null;
  // Groups of settings, and lists of them, are typed as YAML writes them on one line.
  if (/^[{[]/.test(text) && holdsGroup(node)) {
    const { value, problems } = parseYaml(text);
    return problems.length === 0 ? value : text;
  }
  const list = kinds.find((kind) => kind.type === 'array');
  if (list !== undefined && holdsGroup(node) && text === 'none') return [];
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

/** Whether a key takes a group of settings, or a list of them. */
function holdsGroup(node: JsonNode): boolean {
  const kinds = [node, ...(node.anyOf ?? [])];
  return kinds.some((kind) => groupOf(kind) !== undefined || groupOf((kind.items || undefined) ?? {}) !== undefined);
}

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
      const memory = 'spec' in derived ? takes(derived.spec, context.facts.machine.cards).slice(2) : '';
      return ['training', 'resources'].includes(section) && memory !== '' ? `${text} (a step: ${memory})` : text;
    },
    why: 'Enter on a setting changes it. Everything has a value already.',
    form: (context) => {
      const derived = derive(flow(), context);
      const rows = keysOf(group).map(({ key, node }): Choice => {
        const name = key.slice(section.length + 1);
        const value = 'spec' in derived ? shown(at(derived.spec, key)) : '';
        const who = 'spec' in derived ? (derived.provenance[key] ?? 'preset') : '';
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
      return 'spec' in derived ? gist(derived.spec, context.facts.machine) : 'to be mended';
    },
    chooser: (context) => {
      const derived = derive(flow(), context);
      const detected = 'spec' in derived && keysOf(group).some(({ key }) => derived.provenance[key] === 'detected');
      return mine(context) ? 'you' : detected ? 'detected' : 'preset';
    },
  };
}

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
