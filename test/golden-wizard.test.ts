/** Every page of the wizard as its first look is, kept as files in test/golden: `npm run golden` writes them anew. */
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
import { modeForm, modeQuestion } from '../src/wizard/questions/mode.ts';
import { runSession } from '../src/wizard/session.ts';
import { readFacts } from '../src/wizard/sources/sources.ts';
import { pageOf } from './helpers/prompt-page.ts';

const style = styleFor({ colour: 0, unicode: true });
const home = '/home/ann';
let dir: string;
let facts: WizardFacts;

const folder: FolderFacts = {
  path: `${home}/pictures/fox`,
  pictures: 24,
  usable: 23,
  captioned: 5,
  folders: [{ path: '', pictures: 23, repeats: 1 }],
  commonWord: undefined,
  otherCaptions: undefined,
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
    machine: { cards: [card], cpuCores: 16, memoryGb: 32, diskFreeBytes: 500e9 },
  };
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** All pages of a way through the wizard on which every question is answered with Enter. */
async function pages(mode: string, cells: number): Promise<string[]> {
  const can = { columns: cells, rows: 24 } as Capabilities;
  const lines: string[] = [];
  const asker: Asker = async (frame, form) => {
    const page =
      form.kind === 'choose'
        ? await pageOf(choosePrompt, { frame, choices: form.choices, initial: form.initial }, cells)
        : await pageOf(linePrompt, { frame, form: { ...form, suggest: async () => [] } }, cells);
    lines.push(...page, '='.repeat(cells - 1));
    return { kind: 'answer', value: frame.label === 'Review' ? 'save' : form.initial };
  };
  const answers = { mode: { value: mode, by: 'you' as const } };
  const quiet = { save: () => {}, say: () => {}, describeFolder: () => [], render: () => '' };
  const looks = { readFolder: async () => folder, modelProblem: async () => undefined };
  await runSession({ asker, can, style, facts, answers, ...looks, ...quiet });
  return lines;
}

describe.each([80, 60])('the wizard at %i columns', (cells) => {
  it.each(['easy', 'advanced'])('in mode %s', async (mode) => {
    const lines = await pages(mode, cells);
    for (const line of lines) expect(width(line), line).toBeLessThan(cells);
    const text = `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
    expect(text).not.toContain(dir);
    await expect(text).toMatchFileSnapshot(join('golden', `wizard-${mode}-${cells}.txt`));
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
