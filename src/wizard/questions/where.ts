/** The question about which machine trains: a card of this machine, all of its cards, or a known box. */
import { loginLine } from '../../engine/boxes/faults.ts';
import type { Box } from '../../engine/boxes/known.ts';
import type { Machine } from './facts.ts';
import { answered, type Choice, type Question } from './question.ts';
import { BOX } from './values.ts';

/** The answer for this machine, when it has no choice of cards. */
const HERE = 'here';

const mostFree = ({ cards }: Machine) => cards.toSorted((a, b) => b.freeGb - a.freeGb)[0];

/** The default answer: never another machine, since the images would be sent there. */
const usual = (machine: Machine): string => (machine.cards.length > 1 ? String(mostFree(machine)?.index ?? 0) : HERE);

function cardChoices({ cards }: Machine): Choice[] {
  const each = cards.map((c) => ({
    value: String(c.index),
    cells: [`${c.index}  ${c.name}`, `${c.freeGb.toFixed(1)} of ${c.totalGb.toFixed(1)} GB free`],
  }));
  const all: Choice = {
    value: 'all',
    cells: [`all ${cards.length} together`, 'each its own batch of a step'],
    about: 'An epoch has fewer steps. Each step waits for the slowest, and the smallest decides what fits.',
  };
  return [...each, all];
}

const hereChoice = ({ cards }: Machine): Choice => ({
  value: HERE,
  cells: ['This machine', cards[0]?.name ?? 'no card was found'],
  about: cards.length === 0 ? 'On a CPU a run of a real base model takes days.' : 'Nothing leaves it.',
});

const boxChoice = (box: Box): Choice => ({
  value: BOX + box.name,
  cells: [box.name, loginLine(box)],
  about: `Pictures, captions and settings are sent there, and what comes out comes home: visiontrain run FILE --on ${box.name}`,
});

const where: Question = {
  id: 'resources.card',
  step: 'resources',
  label: 'Trains on',
  text: ({ facts }) => (facts.boxes.length === 0 ? 'Which card shall train?' : 'Where shall it train?'),
  why: 'The one with the most free memory trains most comfortably. All together take as many pictures a step.',
  terms: ['precision', 'gradient checkpointing', 'several cards'],
  when: ({ facts }) => facts.machine.cards.length > 1 || facts.boxes.length > 0,
  form: (context) => {
    const { machine, boxes } = context.facts;
    const here = machine.cards.length > 1 ? cardChoices(machine) : [hereChoice(machine)];
    return {
      kind: 'choose',
      initial: answered(context, 'resources.card') ?? usual(machine),
      choices: [...here, ...boxes.map(boxChoice)],
    };
  },
  record: (value, { facts }) => {
    if (value === 'all') return 'all cards';
    if (value === HERE) return 'this machine';
    if (value.startsWith(BOX)) return value.slice(BOX.length);
    return facts.machine.cards.find((c) => String(c.index) === value)?.name ?? value;
  },
  sets: (value, { facts }) => ({
    'resources.device': facts.machine.cards.find((c) => String(c.index) === value)?.device ?? 'auto',
    'resources.devices': value === 'all' ? 'all' : 'auto',
  }),
};

export const resourceQuestions: readonly Question[] = [where];
