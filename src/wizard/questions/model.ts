/** The question about the base model: which models exist, which are on this disk, which fit the machine. */
import { formatBytes } from '../../base/text.ts';
import type { ModelEntry } from '../../registry/catalogue/schema.ts';
import { JUMP } from './machine.ts';
import { answered, type Choice, type Question, type WizardContext } from './question.ts';
import { entryOf } from './values.ts';

/** The first list has one plain base model of each kind; the others are in a second list. */
const SHORT_LIST = ['sd15', 'sdxl', 'pony', 'illustrious', 'noobai'];

const base: Question = {
  id: 'model.base',
  step: 'model',
  label: 'Model',
  text: () => 'Which base model?',
  why: 'A LoRA works best on the model it was trained on, and its close relatives.',
  terms: ['base model', 'lora', 'epsilon prediction', 'v prediction'],
  form: (context) => {
    const { registry } = context.facts;
    const listed = registry.models.filter(
      (entry) => SHORT_LIST.includes(entry.id) || entry.added_in !== undefined || entry.embedded !== undefined,
    );
    const choices = [
      ...listed.filter((entry) => entry.embedded === undefined),
      ...listed.filter((entry) => entry.embedded !== undefined),
    ].map((entry) => modelChoice(entry, context));
    const rest = registry.models.length - listed.length;
    return {
      kind: 'choose',
      initial: answered(context, 'model.base') ?? recommended(listed, context),
      choices: [
        ...choices,
        ...(rest > 0
          ? [
              {
                value: 'more',
                cells: [`${rest} more`],
                about: 'Relatives of these: Animagine, NoobAI v-prediction, other versions.',
              },
            ]
          : []),
        {
          value: 'file',
          cells: ['A file of your own'],
          about: 'A .safetensors checkpoint or a diffusers folder that is already on this machine.',
        },
      ],
    };
  },
  record: (value, { facts }) =>
    value === 'more'
      ? 'one of the others'
      : value === 'file'
        ? 'a file of your own'
        : title(value, facts.registry.models),
  sets: (value): Readonly<Record<string, unknown>> =>
    value === 'more' || value === 'file' ? {} : { 'model.base': value },
};

/** The chosen base model, else the one that Enter would choose; undefined for a file of the person's own. */
export function likelyBase(context: WizardContext): ModelEntry | undefined {
  if (answered(context, 'model.base') !== undefined) return entryOf(context);
  const { initial } = base.form(context);
  return context.facts.registry.models.find(({ id }) => id === initial);
}

const more: Question = {
  id: 'model.more',
  step: 'model',
  label: 'Model',
  text: () => 'Which one?',
  why: 'Take the one you make pictures with.',
  terms: ['base model'],
  when: (context) => answered(context, 'model.base') === 'more',
  form: (context) => ({
    kind: 'choose',
    initial: answered(context, 'model.more') ?? '',
    choices: context.facts.registry.models.map((entry) => modelChoice(entry, context)),
  }),
  record: (value, { facts }) => title(value, facts.registry.models),
  sets: (value) => ({ 'model.base': value }),
};

const file: Question = {
  id: 'model.file',
  step: 'model',
  label: 'Model',
  text: () => 'Where is your model?',
  why: 'A .safetensors checkpoint of the SD1.5 or SDXL family, or a folder in diffusers layout. Pickle files (.ckpt) are refused: they can run code.',
  terms: ['base model', 'safetensors'],
  when: (context) => answered(context, 'model.base') === 'file',
  form: (context) => ({
    kind: 'line',
    initial: answered(context, 'model.file') ?? '',
    placeholder: 'type a path; Tab completes',
    path: 'model',
  }),
  sets: (value) => ({ 'model.base': value }),
};

const title = (id: string, models: readonly ModelEntry[]) => models.find((entry) => entry.id === id)?.title ?? id;

function modelChoice(entry: ModelEntry, context: WizardContext): Choice {
  const fit = memoryFit(entry, context);
  return {
    value: entry.id,
    cells: [entry.title, `${entry.resolution} px`, here(entry, context), fit.word],
    about: about(entry, context),
    ...(fit.problem === undefined ? {} : { disabled: fit.problem }),
  };
}

function here(entry: ModelEntry, { facts }: WizardContext): string {
  if (entry.embedded !== undefined) return 'built in';
  const state = facts.models.get(entry.id);
  if (state?.ready === true) return 'here';
  return state?.fetchBytes === undefined ? 'to fetch' : `${formatBytes(state.fetchBytes)} to fetch`;
}

function about(entry: ModelEntry, { facts }: WizardContext): string {
  if (entry.embedded !== undefined)
    return 'For trying visiontrain out: trains in minutes on any computer, but only knows tiny doodles. Not for real pictures.';
  const parts = [entry.summary];
  if (entry.memory_gb !== undefined)
    parts.push(`Needs a card with ${entry.memory_gb.least} GB, better ${entry.memory_gb.comfortable}.`);
  parts.push(`Licence: ${entry.license.name}.`);
  if (facts.machine.cards.length === 0) parts.push('No card was found here: on a CPU a run takes days.');
  return parts.join(' ');
}

/**
 * Whether the model can be trained on this machine. Without a card nothing is forbidden, but the row says that it will
 * be slow.
 */
function memoryFit(entry: ModelEntry, { facts }: WizardContext): { readonly word: string; readonly problem?: string } {
  if (entry.embedded !== undefined) return { word: 'for trying out' };
  const { cards } = facts.machine;
  const { least, comfortable } = entry.memory_gb ?? { least: 0, comfortable: 0 };
  if (cards.length === 0) return { word: 'very slow here' };
  if (least === 0) return { word: '' };
  const most = Math.max(...cards.map((card) => card.totalGb));
  if (most + 0.5 < least) {
    // Another machine may have enough memory, and which one trains is asked later.
    if (facts.boxes.length > 0) return { word: 'too large here' };
    const problem = `It needs a card with at least ${least} GB; yours has ${most.toFixed(1)} GB.`;
    return { word: 'too large', problem };
  }
  return { word: most + 0.5 >= comfortable ? 'fits' : 'fits, tight' };
}

/**
 * The recommended model: SDXL when it fits, else SD1.5. Without a card it is the embedded model, the only one whose
 * training ends today.
 */
function recommended(listed: readonly ModelEntry[], { facts }: WizardContext): string {
  const most = Math.max(0, ...facts.machine.cards.map((card) => card.totalGb));
  if (most === 0) return listed.find((entry) => entry.embedded !== undefined)?.id ?? '';
  const sdxl = listed.find((entry) => entry.id === 'sdxl');
  return most >= 11.5 && sdxl !== undefined ? 'sdxl' : 'sd15';
}

/** The licence that must be accepted before the chosen model is fetched; undefined when there is none. */
function pending(context: WizardContext) {
  const entry = entryOf(context);
  const license = entry && context.facts.models.get(entry.id)?.license;
  return entry === undefined || license === undefined ? undefined : { title: entry.title, ...license };
}

const accepted = (name: string) => `accept ${name}`;

/** Whether the person has accepted the licence of the model that is chosen at present. */
export function acceptsLicense(context: WizardContext): boolean {
  const license = pending(context);
  return license !== undefined && answered(context, 'model.license') === accepted(license.name);
}

const license: Question = {
  id: 'model.license',
  step: 'model',
  label: 'Licence',
  text: (context) => {
    const { title = '', name = '' } = pending(context) ?? {};
    return `${title} has a licence to accept first: ${name}. Do you?`;
  },
  why: 'It says what may be done with the model and with what comes out of it.',
  when: (context) => pending(context) !== undefined,
  form: (context) => {
    const { name = '', restrictions = '', url = '' } = pending(context) ?? {};
    const about = [restrictions, url].filter((line) => line !== '').join(' ');
    return {
      kind: 'choose',
      // Enter alone must never accept a licence.
      initial: `${JUMP}model.base`,
      choices: [
        { value: `${JUMP}model.base`, cells: ['No', 'take another model'], about },
        { value: accepted(name), cells: ['Yes', 'I accept it'], about },
      ],
    };
  },
  record: () => 'accepted',
};

export const modelQuestions: readonly Question[] = [base, more, file, license];
