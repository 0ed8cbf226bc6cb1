/**
 * Every page of the wizard as it is first drawn, kept as files in test/golden: `npm run golden` writes these files
 * anew.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import width from 'fast-string-width';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { places } from '../src/base/paths.ts';
import { styleFor } from '../src/terminal/style.ts';
import type { Capabilities } from '../src/terminal/terminal.ts';
import { choosePrompt } from '../src/wizard/prompts/choose-prompt.ts';
import type { Asker } from '../src/wizard/prompts/frame.ts';
import { linePrompt } from '../src/wizard/prompts/line-prompt.ts';
import type { FolderFacts, WizardFacts } from '../src/wizard/questions/facts.ts';
import { JUMP } from '../src/wizard/questions/machine.ts';
import { modeForm, modeQuestion } from '../src/wizard/questions/mode.ts';
import { SETTING } from '../src/wizard/questions/values.ts';
import { runSession } from '../src/wizard/session.ts';
import { readFacts } from '../src/wizard/sources/sources.ts';
import { pageOf } from './helpers/prompt-page.ts';

const style = styleFor({ colour: 0, unicode: true });
const home = '/home/ann';
let dir: string;
let facts: WizardFacts;

const folder: FolderFacts = {
  path: `${home}/pictures/fox`,
  images: 24,
  usable: 23,
  captioned: 5,
  folders: [{ path: '', images: 23, repeats: 1 }],
  commonWord: undefined,
  captionExtension: undefined,
  smallest: [640, 480],
  largest: [3000, 2000],
  problems: ['blurred.png: the file ends too early; left out'],
};

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'vt-golden-wizard-'));
  mkdirSync(join(dir, 'work'));
  const own = places({ VISIONTRAIN_HOME: join(dir, 'home') });
  const file = join(dir, 'work', 'run.yaml');
  const read = await readFacts({
    env: {},
    places: own,
    cwd: join(dir, 'work'),
    draft: undefined,
    lastMode: undefined,
    file,
  });
  const card = { index: 0, name: 'NVIDIA GeForce RTX 4070', totalGb: 12, freeGb: 11, device: 'cuda:0', bf16: true };
  facts = {
    ...read,
    cwd: home,
    home,
    file: `${home}/run.yaml`,
    nearestImages: `${home}/pictures/fox`,
    told: { ...read.told, file: `${home}/.visiontrainrc.yaml` },
    machine: { cards: [card], cpuCores: 16, memoryGb: 32, diskFreeBytes: 500e9 },
  };
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

type Asked = Parameters<Asker>;

/** The page of a question, after `keys` have been typed. */
const pageFor = (frame: Asked[0], form: Asked[1], cells: number, keys = ''): Promise<string[]> =>
  form.kind === 'choose'
    ? pageOf(choosePrompt, { frame, choices: form.choices, initial: form.initial }, cells, keys)
    : pageOf(linePrompt, { frame, form: { ...form, suggest: async () => [] } }, cells, keys);

/** Goes through the wizard, whose prompts are answered by `asker`. */
async function walk(mode: string, cells: number, asker: Asker, known = facts): Promise<void> {
  const can = { columns: cells, rows: 24 } as Capabilities;
  const answers = { mode: { value: mode, by: 'you' as const } };
  const quiet = { save: () => {}, say: () => {}, describeFolder: () => [], render: () => '' };
  const looks = { readFolder: async () => folder, modelProblem: async () => undefined };
  await runSession({ asker, can, style, facts: known, answers, ...looks, ...quiet });
}

const onwards = (frame: Asked[0], form: Asked[1]) =>
  ({ kind: 'answer', value: frame.label === 'Review' ? 'save' : form.initial }) as const;

/**
 * All pages of a way through the wizard on which every question is answered with Enter, after `keys` where these are
 * given.
 */
async function pages(mode: string, cells: number, keys = ''): Promise<string[]> {
  const lines: string[] = [];
  await walk(mode, cells, async (frame, form) => {
    if (keys !== '?' || frame.help.length > 0)
      lines.push(...(await pageFor(frame, form, cells, keys)), '='.repeat(cells - 1));
    return onwards(frame, form);
  });
  return lines;
}

/** The pages of single settings: each is opened from its group, and left with Esc. */
async function settingPages(cells: number): Promise<string[]> {
  const lines: string[] = [];
  const opened = new Set<string>();
  let isSetting = false;
  await walk('advanced', cells, async (frame, form) => {
    if (isSetting) {
      isSetting = false;
      lines.push(...(await pageFor(frame, form, cells)), '='.repeat(cells - 1));
      return { kind: 'back' };
    }
    const rows = form.kind === 'choose' ? form.choices.map(({ value }) => value) : [];
    const next = rows.find((value) => value.startsWith(JUMP + SETTING) && !opened.has(value));
    if (next === undefined) return onwards(frame, form);
    opened.add(next);
    isSetting = true;
    return { kind: 'answer', value: next };
  });
  expect(opened.size).toBeGreaterThan(100);
  return lines;
}

/**
 * Keeps pages as a file. A typed line that continues on the next row fills its own, so only pages with long lines may
 * `fill` rows.
 */
async function holdPages(name: string, cells: number, lines: readonly string[], fill = false): Promise<void> {
  for (const line of lines) expect(width(line), line).toBeLessThan(fill ? cells + 1 : cells);
  const text = `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
  expect(text).not.toContain(dir);
  await expect(text).toMatchFileSnapshot(join('golden', `${name}-${cells}.txt`));
}

describe.each([80, 60])('the wizard at %i columns', (cells) => {
  it.each(['easy', 'advanced'])('in mode %s', async (mode) => {
    await holdPages(`wizard-${mode}`, cells, await pages(mode, cells));
  });

  it('every single setting', async () => {
    await holdPages('wizard-settings', cells, await settingPages(cells), true);
  });

  it('the help that ? shows', async () => {
    await holdPages('wizard-help', cells, await pages('advanced', cells, '?'));
  });

  it('where to train, and the review of a run on another machine', async () => {
    const lines: string[] = [];
    const boxes = [
      { name: 'gpu1', target: 'ann@gpu1.example.org' },
      { name: 'pod', target: 'root@203.0.113.7', port: 40_022, identity: '/home/ann/.ssh/id_of_the_rented_pod' },
    ];
    const see = async (machine: WizardFacts['machine'], answer: string) => {
      const asker: Asker = async (frame, form) => {
        if (['Trains on', 'Review'].includes(frame.label)) {
          const keys = frame.label === 'Review' ? '' : '\x1b[F\x1b[A';
          lines.push(...(await pageFor(frame, form, cells, keys)), '='.repeat(cells - 1));
        }
        return frame.label === 'Trains on' ? { kind: 'answer', value: answer } : onwards(frame, form);
      };
      await walk('easy', cells, asker, { ...facts, machine, boxes });
    };
    await see({ ...facts.machine, cards: [] }, 'box:pod');
    const [first] = facts.machine.cards;
    if (first === undefined) throw new Error('no card');
    await see({ ...facts.machine, cards: [first, { ...first, index: 1, freeGb: 3 }] }, '1');
    await holdPages('wizard-where', cells, lines);
  });

  it('the first question', async () => {
    const frame = {
      ...modeQuestion.words,
      canGoBack: false,
      record: modeQuestion.record,
      style,
      columns: cells,
      rows: 24,
    };
    const form = modeForm({ draft: 'a draft of yesterday 21:14 (fox)', lastMode: 'easy' });
    const page = await pageOf(choosePrompt, { frame, choices: form.choices, initial: form.initial }, cells);
    for (const line of page) expect(width(line), line).toBeLessThan(cells);
    await expect(`${page.map((line) => line.trimEnd()).join('\n')}\n`).toMatchFileSnapshot(
      join('golden', `wizard-mode-${cells}.txt`),
    );
  });
});
