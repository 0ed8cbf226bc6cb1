import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { places } from '../../src/base/paths.ts';
import { styleFor } from '../../src/terminal/style.ts';
import type { Capabilities } from '../../src/terminal/terminal.ts';
import type { WizardFacts } from '../../src/wizard/questions/facts.ts';
import { acceptsLicense } from '../../src/wizard/questions/model.ts';
import type { Answers } from '../../src/wizard/questions/question.ts';
import { runSession } from '../../src/wizard/session.ts';
import { modelProblem, readFacts, readFolder } from '../../src/wizard/sources/sources.ts';
import { png } from '../helpers/png.ts';

const dir = mkdtempSync(join(tmpdir(), 'vt-session-'));
mkdirSync(join(dir, 'fox'));
writeFileSync(
  join(dir, 'fox', 'a.png'),
  png(64, 64, (x, y) => [x, y, 0]),
);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const own = places({ VISIONTRAIN_HOME: join(dir, 'home') });
const facts = async (cwd: string) =>
  readFacts({ env: process.env, places: own, cwd, draft: undefined, lastMode: undefined, file: join(cwd, 'run.yaml') });

/** Presses Enter on every question that has no script; returns the questions that were asked, by label. */
async function drive(
  given: { facts: WizardFacts; answers?: Answers; save?: (answers: Answers) => void },
  script: Record<string, string[]>,
) {
  const asked: string[] = [];
  const { context } = await runSession({
    asker: async ({ label }, form) => {
      asked.push(label);
      const value = script[label]?.shift() || form.initial;
      if (value === 'esc') return { kind: 'back' };
      if (form.kind === 'line') expect(await form.check(value)).toBeUndefined();
      return { kind: 'answer', value };
    },
    can: { columns: 80, rows: 24 } as Capabilities,
    style: styleFor({ colour: 0, unicode: true }),
    answers: {},
    readFolder: (path) => readFolder(path, own),
    modelProblem,
    save: () => {},
    say: () => {},
    describeFolder: () => [],
    render: () => '',
    ...given,
  });
  return { asked, context };
}

it('takes from a draft only answers that still hold, and its paths from any folder', async () => {
  let draft: Answers = {};
  const keep = (answers: Answers) => {
    draft = answers;
  };
  const first = { facts: await facts(dir), save: keep };
  await drive(first, { Mode: ['easy'], Teaches: ['style'], Review: ['save'] });
  expect(draft['dataset.path']?.value).toBe(join(dir, 'fox'));
  const elsewhere = mkdtempSync(join(dir, 'elsewhere-'));
  const { detail: _, ...begun } = draft;
  const again = await drive({ facts: await facts(elsewhere), answers: begun }, { Review: ['save'] });
  expect(again.asked).toEqual(['Detail', 'Review']);
  expect(again.context.answers['dataset.path']).toEqual({ value: join(dir, 'fox'), by: 'default' });
  expect(again.context.facts.folder?.usable).toBe(1);
  const gone = { ...draft, 'dataset.path': { value: join(elsewhere, 'gone'), by: 'you' as const } };
  const mended = await drive(
    { facts: await facts(elsewhere), answers: gone },
    { Pictures: [join(dir, 'fox')], Review: ['save'] },
  );
  // Later questions are shown again, with their answers.
  expect(mended.asked.slice(0, 2)).toEqual(['Pictures', 'Teaches']);
  expect(mended.context.answers['dataset.goal']?.value).toBe('style');
});

it('keeps a model of the longer list when all questions are gone through once more', async () => {
  const known = await facts(dir);
  const answers = {
    'dataset.path': { value: join(dir, 'fox'), by: 'you' as const },
    'model.base': { value: 'more', by: 'you' as const },
    'model.more': { value: 'tiny', by: 'you' as const },
    name: { value: 'special', by: 'you' as const },
  };
  const { context, asked } = await drive({ facts: known, answers }, { Review: ['save'] });
  expect(asked.filter((label) => label === 'Model')).toHaveLength(2);
  expect(context.answers['model.more']?.value).toBe('tiny');
  expect(context.answers.name?.value).toBe('special');
});

it('reverts a change completely when it is left with Esc half-way', async () => {
  const known = await facts(dir);
  const script = {
    Mode: ['easy', 'advanced'],
    Model: ['', 'file', 'esc'],
    'Data set': ['esc'],
    Review: ['go:model.base', 'go:mode', 'save'],
  };
  const { context, asked } = await drive({ facts: known }, script);
  expect(asked.slice(-6)).toEqual(['Model', 'Model', 'Review', 'Mode', 'Data set', 'Review']);
  expect(context.answers['model.base']?.value).toBe('tiny');
  expect(context.answers.mode?.value).toBe('easy');
});

it('asks for the licence of another model again, and for another model where the licence is refused', async () => {
  const read = await facts(dir);
  const license = { name: 'Strict', url: 'https://example.org/l', restrictions: '', acceptance: true };
  const locked = ['noobai', 'sdxl'].map((id) => [id, { ready: false, fetchBytes: 1, license }] as const);
  const known = { ...read, models: new Map([...read.models, ...locked]) };
  // The answers to each question by its label, in turn; Enter when none is left.
  const script: Record<string, string[]> = {
    Mode: ['easy'],
    Model: ['more', 'noobai', 'more', 'noobai', 'sdxl'],
    Licence: ['', 'accept Strict', 'accept Strict'],
    Review: ['go:model.base', 'start'],
  };
  const { asked, context } = await drive({ facts: known }, script);
  expect(asked.filter((label) => ['Model', 'Licence', 'Review'].includes(label))).toEqual([
    'Model',
    'Model',
    'Licence',
    // A refused licence leads to the first choice of models, even when the model stood behind "more".
    'Model',
    'Model',
    'Licence',
    'Review',
    'Model',
    'Licence',
    'Review',
  ]);
  expect(context.answers['model.base']?.value).toBe('sdxl');
  expect(acceptsLicense(context)).toBe(true);
});
