/** Turns answers into values of run.yaml with who chose them. Pure. */

import { isDeepStrictEqual } from 'node:util';
import { absolute } from '../../base/paths.ts';
import { arrangedValues } from '../../engine/prepare/arrangement.ts';
import type { FilledSpec } from '../../engine/prepare/fill.ts';
import { memoryClassFor } from '../../registry/catalogue/find.ts';
import type { MemoryClass, ModelEntry } from '../../registry/catalogue/schema.ts';
import type { KeyProblem } from '../../spec/problems.ts';
import type { Chooser } from '../../spec/schema.ts';
import type { Machine } from './facts.ts';
import type { Flow } from './machine.ts';
import { visible } from './machine.ts';
import type { Answers, WizardContext } from './question.ts';

/** Prefix of the id of a single setting. The rest of the id is the dotted key, and the answer is JSON. */
export const SETTING = 'set:';

export type Values = Readonly<Record<string, unknown>>;

/** Registry id or path of the chosen base model. */
export function baseOf(answers: Answers): string | undefined {
  const first = answers['model.base']?.value;
  if (first === 'more') return answers['model.more']?.value;
  if (first === 'file') return answers['model.file']?.value;
  return first;
}

export function entryOf({ answers, facts }: WizardContext): ModelEntry | undefined {
  const base = baseOf(answers);
  return facts.registry.models.find((entry) => entry.id === base);
}

/** Prefix of the answer that names a box to train on. */
export const BOX = 'box:';

/** Name of the box that will train; undefined for this machine. */
export function boxOf({ answers, facts }: WizardContext): string | undefined {
  const chosen = answers['resources.card']?.value ?? '';
  return facts.boxes.find(({ name }) => chosen === BOX + name)?.name;
}

/** The machine that will train. For a box only its name is known here. */
export function machineOf(context: WizardContext): Machine {
  const { machine } = context.facts;
  const box = boxOf(context);
  return box === undefined ? machine : { ...machine, cards: [], box };
}

/** The recipe's memory settings for the card; undefined without a card or without such settings. */
export function memoryClassOf(context: WizardContext): MemoryClass | undefined {
  const card = cardOf(context);
  const entry = entryOf(context);
  return card === undefined || entry === undefined ? undefined : memoryClassFor(entry, card.totalGb);
}

/** The card that will train: the chosen one, else the one with the most free memory. */
export function cardOf(context: WizardContext) {
  const chosen = context.answers['resources.card']?.value;
  const { cards } = machineOf(context);
  return cards.find((card) => String(card.index) === chosen) ?? cards.toSorted((a, b) => b.freeGb - a.freeGb)[0];
}

/** Values that follow from the folder and the machine, by dotted key. They will be marked `detected`. */
export function detected(context: WizardContext): Values {
  const extension = context.facts.folder?.captionExtension;
  return {
    ...(extension === undefined ? {} : { 'dataset.caption_extension': extension }),
    ...detectedMachine(context),
  };
}

function detectedMachine(context: WizardContext): Values {
  const card = cardOf(context);
  const entry = entryOf(context);
  if (entry?.embedded !== undefined) return {};
  // The recipe's values fit every card, and the box itself uses fp16 when its card has no bf16.
  if (boxOf(context) !== undefined) return {};
  if (card === undefined) return { 'resources.precision': 'fp32' };
  return { ...memoryClassOf(context)?.values, 'resources.precision': card.bf16 ? 'bf16' : 'fp16' };
}

/** The complete spec for the answers, or its problems. */
export function derive(flow: Flow, asking: WizardContext): FilledSpec | { readonly problems: readonly KeyProblem[] } {
  const context = withDefaults(flow, asking);
  const { answers, facts } = context;
  const given: Record<string, unknown> = {};
  const claimed = new Map<string, Chooser>();
  for (const [key, value] of Object.entries(detected(context))) {
    given[key] = value;
    claimed.set(key, 'detected');
  }
  for (const [key, value] of Object.entries(arranged(context))) {
    given[key] = value;
    claimed.set(key, 'detected');
  }
  for (const question of visible(flow, context)) {
    const answer = answers[question.id];
    if (answer === undefined || question.sets === undefined) continue;
    for (const [key, value] of Object.entries(question.sets(answer.value, context))) {
      given[key] = value;
      // Enter on a default counts as the preset's choice, as long as the preset has the same value.
      if (answer.by === 'default') claimed.set(key, 'preset');
      else claimed.delete(key);
    }
  }
  for (const [id, answer] of Object.entries(answers)) {
    const question = flow.find(id);
    if (question?.onRequest === true && question.sets !== undefined)
      for (const [key, value] of Object.entries(question.sets(answer.value, context))) given[key] = value;
    if (!id.startsWith(SETTING)) continue;
    const key = id.slice(SETTING.length);
    given[key] = JSON.parse(answer.value);
    claimed.delete(key);
  }
  for (const [key, value] of facts.preset?.values ?? [])
    if (isDeepStrictEqual(given[key], value)) claimed.set(key, `preset:${facts.preset?.name ?? ''}`);
  const filled = facts.fill(given, claimed, facts.folder?.usable);
  return 'spec' in filled ? (facts.folder?.prompted?.(filled) ?? filled) : filled;
}

/** The sources and masks of the folder's arrangement, unless the person wants it as one folder. */
function arranged({ answers, facts: { folder } }: WizardContext): Values {
  if (folder?.arranged === undefined || answers.arrangement?.value === 'plain') return {};
  return arrangedValues(folder.path, folder.arranged, answers.captions?.value === 'folders');
}

/** The context with every open question answered by its default, so that every key has a value at any time. */
function withDefaults(flow: Flow, { answers, facts }: WizardContext): WizardContext {
  let context: WizardContext = { answers, facts };
  for (const question of flow.ordered) {
    if (question.sets === undefined || context.answers[question.id] !== undefined) continue;
    if (!visible(flow, context).includes(question)) continue;
    const { initial } = question.form(context);
    if (initial === '') continue;
    context = { answers: { ...context.answers, [question.id]: { value: initial, by: 'default' } }, facts };
  }
  return context;
}

/** The value that a key would have if the person had not set it. */
export function recipeValue(context: WizardContext, key: string): unknown {
  const { answers, facts } = context;
  const goal = answers['dataset.goal']?.value ?? 'character';
  const entry = entryOf(context);
  const base = baseOf(answers);
  // A file of the person's own uses the recipe of its base; steps depend on the images and the batch.
  if (entry === undefined || key === 'training.steps') {
    if (base === undefined) return undefined;
    const values = {
      ...detected(context),
      ...batchSettings(answers),
      'dataset.path': facts.cwd,
      'dataset.goal': goal,
      'model.base': entry?.id ?? absolute(base, facts),
    };
    const filled = facts.fill(values, new Map(), facts.folder?.usable);
    return 'spec' in filled ? at(filled.spec, key) : undefined;
  }
  const recipe = entry.recipes[goal as keyof typeof entry.recipes] ?? Object.values(entry.recipes)[0];
  return recipe?.[key];
}

/** The settings of the person on which the number of images in a step depends. */
function batchSettings(answers: Answers): Values {
  const keys = ['training.batch_size', 'training.gradient_accumulation'];
  return Object.fromEntries(
    keys.flatMap((key) => {
      const answer = answers[SETTING + key];
      return answer === undefined ? [] : [[key, JSON.parse(answer.value)]];
    }),
  );
}

export function at(spec: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], spec);
}
