/** The groups into which Advanced mode sorts the keys of run.yaml, and their rows in the review. */
import { plural } from '../../base/text.ts';
import { batchOf } from '../../engine/plan/lengths.ts';
import { stepMemory } from '../../engine/plan/memory.ts';
import { textEncoderRates } from '../../engine/plan/parameters.ts';
import { type SpecKey, specKeys } from '../../spec/keys.ts';
import type { RunSpec } from '../../spec/schema.ts';
import { type CadenceValue, cadenceWords } from '../../spec/sections/cadence.ts';
import { sidesOf, sidesText } from '../../spec/sections/resolution.ts';
import { taskOf, trainingTasks } from '../../spec/training/tasks.ts';
import type { Machine } from './facts.ts';
import type { Step } from './question.ts';

export interface Group {
  readonly id: string;
  readonly step: Step;
  readonly label: string;
  readonly text: string;
  readonly section: string;
  /** The task whose keys of `training` are in the group. */
  readonly task?: string;
  /** The text of the group's row in the review. */
  readonly gist: (spec: RunSpec, machine: Machine) => string;
}

const trainingGists: Readonly<Record<string, Group['gist']>> = {
  length: ({ training: t }) => `${cadenceWords(t.steps)}, batch ${t.batch_size}, learning rate ${t.learning_rate}`,
  optimizer: ({ training: t }) => `${t.optimizer}, ${t.schedule}`,
  adapter: ({ training: t }) => `rank ${t.rank}, alpha ${t.alpha}, ${t.targets} layers`,
  loss: ({ training: t }) =>
    [t.loss, ...weighting(t), ...(t.multires_noise === null ? [] : ['multires noise'])].join(', '),
};

const each = (every: CadenceValue) => (every === 0 ? 'at the end' : `each ${cadenceWords(every)}`);

const weighting = ({ loss_weighting: kind, min_snr_gamma: gamma }: RunSpec['training']) =>
  kind === 'none' || (kind === 'min_snr' && gamma === null) ? [] : [kind];

export const groups: readonly Group[] = [
  {
    // These settings come after the model, since the model's recipe decides them, above all the resolution.
    id: 'settings:dataset',
    step: 'model',
    label: 'Data set',
    text: 'Anything else about the data set?',
    section: 'dataset',
    gist: ({ dataset: d }) => `${sidesText(d.resolution)}, ${d.buckets ? 'buckets' : `${d.crop} crop`}`,
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

/** Device, precision and checkpointing of the run, in words. */
export function trainsOn(spec: RunSpec, { cards, cpuCores, box }: Machine): string {
  const { device, precision, gradient_checkpointing } = spec.resources;
  const here =
    device === 'auto' ? (cards[0]?.name.replace(/^NVIDIA (GeForce )?/u, '') ?? plural(cpuCores, 'CPU core')) : device;
  const where = box === undefined ? here : device === 'auto' ? box : `${box}, ${device}`;
  const checkpointing = gradient_checkpointing === 'none' ? '' : `, checkpointing ${gradient_checkpointing}`;
  return `${where}, ${precision}${checkpointing}${takes(spec, cards)}`;
}

/** The card memory that a step takes, in words; empty without a card. */
export function takes(spec: RunSpec, cards: Machine['cards']): string {
  const { model, training, resources: r, dataset: d } = spec;
  // The smallest of several cards limits all of them.
  const smallest = r.devices === 'all' ? cards.toSorted((a, b) => a.totalGb - b.totalGb)[0] : undefined;
  const card = smallest ?? cards.find((each) => r.device === each.device) ?? cards[0];
  if (card === undefined || r.device === 'cpu' || r.device === 'mps') return '';
  const batches = sidesOf(d.resolution).map((side) => ({ pixels: side ** 2, images: batchOf(training)(side ** 2) }));
  const memory = stepMemory({
    model,
    training: { ...training, text_encoder_learning_rates: [...textEncoderRates(spec)] },
    resources: r,
    pixels: Math.max(...batches.map(({ pixels, images }) => pixels * images)),
    images: Math.max(...batches.map(({ images }) => images)),
    maxTokens: 75,
    encodersLoaded: false,
  });
  return memory === undefined ? '' : `, about ${(memory.total / 2 ** 30).toFixed(1)} of ${Math.round(card.totalGb)} GB`;
}

/** Keys that have a question of their own in both modes. `version` is never asked. */
const askedApart = new Set(['version', 'dataset.path', 'dataset.goal', 'dataset.trigger', 'model.base', 'name']);

/** Keys of a group that a person may set. */
export const keysOf = ({ section, task }: Pick<Group, 'section' | 'task'>): readonly SpecKey[] =>
  specKeys.filter(
    (key) =>
      key.section === section &&
      !askedApart.has(key.key) &&
      (task === undefined || taskOf(key.key.slice(section.length + 1)) === task),
  );
