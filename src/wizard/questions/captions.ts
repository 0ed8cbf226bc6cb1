/** Questions about images without a caption: whether a model writes captions, and which caption they get otherwise. */
import { formatBytes, formatDuration, plural } from '../../base/text.ts';
import { captionSeconds, TAGGER_PACKAGES } from '../../engine/captions/estimate.ts';
import { captionPreset } from '../../engine/captions/presets.ts';
import type { ModelEntry } from '../../registry/catalogue/schema.ts';
import { captionsSchema, type Goal } from '../../spec/schema.ts';
import { likelyBase } from './model.ts';
import type { ChooseForm, Question, WizardContext } from './question.ts';
import { answered, modeOf } from './question.ts';

const missing = ({ facts }: WizardContext) =>
  facts.folder === undefined ? 0 : facts.folder.usable - facts.folder.captioned;

/** Settings of `captions` for the goal and the base model, chosen or most likely. */
function preset(context: WizardContext, base: ModelEntry | undefined) {
  const goal = (answered(context, 'dataset.goal') ?? 'character') as Goal;
  return captionPreset(base, goal);
}

/** The model that writes the captions, and whether it is on this machine. */
function writer(context: WizardContext) {
  const { write } = preset(context, likelyBase(context));
  const standard = captionsSchema.parse({});
  const model = write === 'tags' ? standard.tagger : standard.captioner;
  return { write, model, state: context.facts.assets.get(model) };
}

/** The download and the time that it takes, in one sentence each. */
function cost(context: WizardContext): string {
  const { write, model, state } = writer(context);
  const { machine } = context.facts;
  const images = missing(context);
  const hasCard = machine.cards.some(({ device }) => device.startsWith('cuda'));
  const seconds = captionSeconds({ model, kind: write, images, cores: machine.cpuCores, hasCard });
  const bytes = (state?.fetchBytes ?? 0) + (write === 'tags' ? TAGGER_PACKAGES : 0);
  const fetched = state?.ready === true ? 'Its model is here.' : `Fetches ${formatBytes(bytes)} once.`;
  const what = write === 'tags' ? 'Booru tags, as this base was taught' : 'A sentence each, as this base was taught';
  return `${what}: about ${formatDuration(Math.max(1, seconds))} for ${plural(images, 'picture')}, before the training. ${fetched} Files of your own always win, and nothing in your folder is written.`;
}

/**
 * The recommended answer: writing captions, except for the embedded model. That one is for trying out, so no model is
 * fetched for it.
 */
const recommended = (context: WizardContext): string => {
  if (likelyBase(context)?.embedded === undefined || writer(context).state?.ready === true) return 'write';
  return folderNames(context).length > 0 ? 'folders' : 'trigger';
};

/** The captions that names of numbered folders would give, when the folders become sources. */
const folderNames = ({ answers, facts: { folder } }: WizardContext): readonly string[] =>
  answers.arrangement?.value === 'plain'
    ? []
    : (folder?.arranged?.sources ?? []).flatMap(({ role, words }) => (role === 'train' ? (words ?? []) : []));

const TRYING_OUT =
  ' The model that Enter takes next is for trying out; with a real one, captions are worth what they fetch.';

function form(context: WizardContext): ChooseForm {
  const advice = recommended(context);
  const mark = (value: string, text: string) => (value === advice ? `recommended: ${text}` : text);
  const names = folderNames(context);
  const folders = {
    value: 'folders',
    cells: ['The names of their folders', mark('folders', `such as: ${names[0] ?? ''}`)],
    about: 'What sd-scripts does: the words behind the number of repeats caption each picture that has no caption.',
  };
  return {
    kind: 'choose',
    initial: answered(context, 'captions') ?? advice,
    choices: [
      {
        value: 'write',
        cells: ['Write captions for me', mark('write', 'a model looks at each picture')],
        about: cost(context),
      },
      ...(names.length === 0 ? [] : [folders]),
      {
        value: 'trigger',
        cells: [
          'Just the trigger word',
          advice === 'trigger' ? 'recommended: nothing is fetched' : 'good for one character, thing or style',
        ],
        about: `Everything the pictures have in common goes into the trigger word.${advice === 'trigger' ? TRYING_OUT : ''}`,
      },
      {
        value: 'words',
        cells: ['One caption for all of them', 'such as: a photo of a dog'],
        about: 'It is put behind the trigger word. Your own .txt files beside pictures always win.',
      },
      ...(modeOf(context.answers) === 'advanced' ? ELSEWHERE : []),
    ],
  };
}

/** Further choices of Advanced mode: captions that exist in other places. */
const ELSEWHERE: ChooseForm['choices'] = [
  {
    value: 'image',
    cells: ['What is written inside them', "a generated picture's prompt, a description"],
    about:
      'The prompt of A1111 and its kin without weights and settings, else XMP or EXIF. Those without get the trigger.',
  },
  {
    value: 'file_name',
    cells: ['The names of their files', 'such as: a red fox (2).jpg'],
    about: 'Without numbers; names that a camera gave say nothing, and those pictures get the trigger alone.',
  },
];

const captions: Question = {
  id: 'captions',
  step: 'data',
  label: 'Captions',
  text: (context) => {
    const count = missing(context);
    return count === context.facts.folder?.usable
      ? 'Your pictures have no captions. What shall they be called?'
      : `${plural(count, 'picture has', 'pictures have')} no caption. What shall ${count === 1 ? 'it' : 'they'} be called?`;
  },
  why: 'A caption says what a picture shows; what it does not say is learned as part of the trigger word.',
  terms: ['caption', 'trigger word', 'tagger'],
  when: (context) => missing(context) > 0,
  form,
  record: (value) =>
    ({
      write: 'written for those that have none',
      words: 'one for all that have none',
      folders: 'the names of their folders where there is none',
      image: 'what is written inside the pictures',
      file_name: 'the names of their files where there is none',
    })[value] ?? 'just the trigger word where there is none',
  sets: (value, context): Readonly<Record<string, unknown>> => {
    if (value === 'image' || value === 'file_name') return { 'dataset.caption_from': [value] };
    if (value !== 'write') return {};
    const settings = Object.entries(preset(context, likelyBase(context)));
    return Object.fromEntries(settings.map(([key, chosen]) => [`captions.${key}`, chosen]));
  },
};

const words: Question = {
  id: 'dataset.default_caption',
  step: 'data',
  label: 'Words',
  text: () => 'Which caption for the pictures that have none?',
  why: 'Name the kind of thing (a dog, a house), not what makes yours special: that is for the trigger word.',
  terms: ['caption'],
  when: (context) => missing(context) > 0 && answered(context, 'captions') === 'words',
  form: (context) => ({
    kind: 'line',
    initial: answered(context, 'dataset.default_caption') ?? 'a picture',
    setting: 'dataset.default_caption',
  }),
  sets: (value) => ({ 'dataset.default_caption': value }),
};

export const captionQuestions: readonly Question[] = [captions, words];
