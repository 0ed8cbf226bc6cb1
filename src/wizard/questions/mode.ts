/** The first question. It is shown before anything heavy is loaded, so this module imports only light modules. */
import { helpFor } from '../../spec/glossary.ts';
import { type ChooseForm, placeOf } from './question.ts';

interface Known {
  readonly draft: string | undefined;
  readonly lastMode: string | undefined;
  /** Names of the person's own presets. */
  readonly presets?: readonly string[];
}

/** Prefix of an answer that takes a preset; the rest is the preset's name. */
export const PRESET = 'preset:';

export const modeQuestion = {
  words: {
    label: 'Mode',
    text: 'How do you want to set this up?',
    place: placeOf({ step: 'mode' }),
    why: 'You can change any answer at the end.',
    help: helpFor(['LoRA']),
  },
  record: (value: string) =>
    value.startsWith(PRESET)
      ? `Preset ${value.slice(PRESET.length)}`
      : ({ advanced: 'Advanced', resume: 'Continue the draft' }[value] ?? 'Easy'),
};

export function modeForm({ draft, lastMode, presets = [] }: Known): ChooseForm {
  const remembered = (value: string) => (lastMode === value ? ' You took it last time.' : '');
  return {
    kind: 'choose',
    initial: draft !== undefined ? 'resume' : (lastMode ?? 'easy'),
    choices: [
      {
        value: 'easy',
        cells: ['Easy', 'a few questions; the rest is chosen for you'],
        about: `Enter on every question gives a good LoRA. You can change any answer at the end.${remembered('easy')}`,
      },
      {
        value: 'advanced',
        cells: ['Advanced', 'every setting, each with its default and why'],
        about: `The same questions, and every key of run.yaml in groups.${remembered('advanced')}`,
      },
      ...presets.map((name) => ({
        value: PRESET + name,
        cells: [name, 'a preset of yours'],
        about: 'As Easy, with the settings of your preset. Only what it leaves open is asked.',
      })),
      ...(draft === undefined
        ? []
        : [
            {
              value: 'resume',
              cells: ['Continue', draft],
              about: 'Goes on where you left. Your answers are checked against what is here today.',
            },
          ]),
    ],
  };
}
