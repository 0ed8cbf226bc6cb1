/** Advanced mode: how the person is told of runs. The answers go into the person's settings file, not into run.yaml. */
import { nearest } from '../../base/nearest.ts';
import { displayPath } from '../../base/paths.ts';
import type { NotifySettings, WebHook } from '../../engine/settings/notify.ts';
import { changedNotify, type NotifyChanges } from '../../engine/settings/notify-changes.ts';
import { type NoticeKind, noticeKinds } from '../../engine/settings/notify-defaults.ts';
import { JUMP } from './machine.ts';
import type { Choice, Question, WizardContext } from './question.ts';
import { boxOf } from './values.ts';

/** Prefix of the ids of single ways to be told. */
export const TOLD = 'told:';

type Format = WebHook['format'];

const services: readonly (readonly [format: Format, name: string, example: string])[] = [
  ['ntfy', 'ntfy', 'NTFY_URL'],
  ['discord', 'Discord', 'DISCORD_WEBHOOK'],
  ['slack', 'Slack', 'SLACK_WEBHOOK'],
  ['json', 'Web hook', 'MY_WEB_HOOK'],
];

const terminals = ['auto', 'off', 'osc9', 'osc777', 'osc99'] as const;

/** The changes that the person has made to what the settings file says; empty when there are none. */
export function noticeChanges({ answers, facts }: WizardContext): NotifyChanges {
  const { settings } = facts.told;
  const given = (name: string) => answers[TOLD + name]?.value;
  const switched = (name: 'bell' | 'desktop') => {
    const value = given(name);
    return value === undefined || value === String(settings[name]) ? {} : { [name]: value === 'true' };
  };
  const terminal = terminals.find((each) => each === given('terminal'));
  const events = given('events');
  const kinds = events === undefined ? undefined : kindsOf(events);
  const web = services.flatMap(([format]) => {
    const value = given(format);
    return value === undefined || value === variableOf(settings, format)
      ? []
      : [[format, value === NONE || value === '' ? null : value] as const];
  });
  return {
    ...switched('bell'),
    ...switched('desktop'),
    ...(terminal === undefined || terminal === settings.terminal ? {} : { terminal }),
    ...(kinds === undefined || kinds.join() === settings.events.join() ? {} : { events: kinds }),
    ...(web.length === 0 ? {} : { web: Object.fromEntries(web) }),
  };
}

/** The settings with the person's changes. */
const settingsNow = (context: WizardContext): NotifySettings =>
  changedNotify(context.facts.told.settings, noticeChanges(context));

const NONE = 'none';

/** The variable that holds the address of the first web hook of a format. */
const variableOf = ({ web }: NotifySettings, format: Format): string =>
  web.find((hook) => hook.format === format)?.url_env ?? NONE;

const kindsOf = (text: string): NoticeKind[] => {
  const words = text.split(/[\s,]+/u).filter((word) => word !== '' && word !== NONE);
  return noticeKinds.filter((kind) => words.includes(kind));
};

/**
 * How the person is told, in words. Settings of the person are not sent to another machine, so for a box only this
 * terminal tells.
 */
function toldWords(context: WizardContext): string {
  const box = boxOf(context);
  if (box !== undefined) return `this terminal; else as ${box} has it set`;
  const ways = context.facts.told.isOff ? '' : context.facts.told.ways(settingsNow(context));
  return ways === '' ? 'nobody is told' : ways;
}

function rows(context: WizardContext): Choice[] {
  if (context.facts.told.isOff) return [];
  const now = settingsNow(context);
  const row = (id: string, name: string, value: string, about: string): Choice => ({
    value: `${JUMP}${TOLD}${id}`,
    cells: [name, value],
    about,
  });
  const yesNo = (is: boolean) => (is ? 'yes' : 'no');
  return [
    row('bell', 'Bell', yesNo(now.bell), 'The terminal that watches rings.'),
    row('terminal', 'Terminal', now.terminal, 'The terminal that watches shows a notice, where it is known to.'),
    row('desktop', 'Desktop', yesNo(now.desktop), 'A notice of the desktop, with no terminal open.'),
    row('events', 'Events', now.events.join(', ') || NONE, 'Of what the bell, the terminal and the desktop tell.'),
    ...services.map(([format, name]) =>
      row(format, name, variableOf(now, format), 'The supervisor writes there, with no terminal open.'),
    ),
  ];
}

const menu: Question = {
  id: 'told',
  step: 'review',
  label: 'Notices',
  mode: 'advanced',
  text: () => 'How shall you be told when a run ends or fails?',
  why: 'It holds for all your runs, and is kept in your settings file when you finish here.',
  form: (context) => {
    const { file, isOff } = context.facts.told;
    const where = isOff
      ? 'VISIONTRAIN_NOTIFY is off: nobody is told.'
      : `Kept in ${displayPath(file, context.facts.cwd)}. Try all ways: visiontrain notify --test`;
    const on: Choice = { value: 'on', cells: ['Go on', toldWords(context)], about: where };
    return { kind: 'choose', initial: 'on', choices: [on, ...rows(context)] };
  },
  record: (_value, context) => toldWords(context),
  chooser: (context) => (Object.keys(noticeChanges(context)).length > 0 ? 'you' : context.facts.told.by),
};

const single = (id: string, label: string, more: Pick<Question, 'text' | 'why' | 'form' | 'record'>): Question => ({
  id: TOLD + id,
  step: 'review',
  label,
  onRequest: true,
  ...more,
});

function switchQuestion(id: 'bell' | 'desktop', label: string, text: string): Question {
  return single(id, label, {
    text: () => text,
    why: 'On the events that are chosen.',
    form: (context) => ({
      kind: 'choose',
      initial: String(settingsNow(context)[id]),
      choices: [
        { value: 'true', cells: ['yes'] },
        { value: 'false', cells: ['no'] },
      ],
    }),
    record: (value) => (value === 'true' ? 'yes' : 'no'),
  });
}

const terminalQuestion = single('terminal', 'Terminal', {
  text: () => 'Shall the terminal that watches show a notice?',
  why: 'auto: where the terminal is known to take one. Others print the sequence, so choose one only if yours takes it.',
  form: (context) => ({
    kind: 'choose',
    initial: settingsNow(context).terminal,
    choices: terminals.map((value) => ({ value, cells: [value] })),
  }),
});

const eventsQuestion = single('events', 'Events', {
  text: () => `Of which events? (${noticeKinds.join(', ')})`,
  why: 'Most people take finished and failed. Web hooks have events of their own in the settings file.',
  form: (context) => ({
    kind: 'line',
    initial: settingsNow(context).events.join(', ') || NONE,
    problem: (text) => {
      const words = text.split(/[\s,]+/u).filter((word) => word !== '');
      const wrong = words.find((word) => word !== NONE && !noticeKinds.some((kind) => kind === word));
      if (wrong === undefined) return undefined;
      const near = nearest(wrong, noticeKinds);
      return `There is no event ${wrong}${near === undefined ? '' : `. Did you mean ${near}?`}`;
    },
  }),
});

function serviceQuestion([format, name, example]: (typeof services)[number]): Question {
  return single(format, name, {
    text: () => `${name}: which variable of the environment holds the address?`,
    why: `A name such as ${example}; none for nobody. The address itself is a secret: it is never asked for, nor kept.`,
    form: (context) => ({
      kind: 'line',
      initial: variableOf(settingsNow(context), format),
      problem: (text) => {
        if (text === '' || /^[A-Za-z_]\w*$/u.test(text)) return undefined;
        return /[:/]/u.test(text)
          ? `That is an address, which is a secret. Set a variable to it, and type its name: ${example}`
          : `That is no name of a variable. It is like ${example}`;
      },
    }),
    record: (value) => (value === '' ? NONE : value),
  });
}

/** The page of all ways, which is one of the questions in order, and the questions that it leads to. */
export const noticeQuestions: { readonly menu: Question; readonly single: readonly Question[] } = {
  menu,
  single: [
    switchQuestion('bell', 'Bell', 'Shall the terminal that watches ring?'),
    terminalQuestion,
    switchQuestion('desktop', 'Desktop', 'Shall the desktop show a notice?'),
    eventsQuestion,
    ...services.map(serviceQuestion),
  ],
};
