import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import { helpFor } from '../../../src/spec/glossary.ts';
import { specKeys } from '../../../src/spec/keys.ts';
import { rounded } from '../../../src/spec/length.ts';
import { followDefaults } from '../../../src/wizard/answers.ts';
import { inventTrigger } from '../../../src/wizard/questions/data.ts';
import type { Machine, WizardFacts } from '../../../src/wizard/questions/facts.ts';
import { wizardFlow } from '../../../src/wizard/questions/flow.ts';
import { back, JUMP, next, type Position, resume, visible } from '../../../src/wizard/questions/machine.ts';
import { acceptsLicense } from '../../../src/wizard/questions/model.ts';
import { noticeChanges } from '../../../src/wizard/questions/notices.ts';
import type { Answer, Answers, WizardContext } from '../../../src/wizard/questions/question.ts';
import { parse, shown } from '../../../src/wizard/questions/setting-values.ts';
import { boxOf, derive, SETTING } from '../../../src/wizard/questions/values.ts';
import { readFacts, readFolder } from '../../../src/wizard/sources/sources.ts';
import { toldFacts } from '../../../src/wizard/sources/told.ts';
import { png } from '../../helpers/png.ts';

const flow = wizardFlow();
const noCard: Machine = { cards: [], cpuCores: 4, memoryGb: 16, diskFreeBytes: 1e12 };
const card = (index: number, totalGb: number, bf16 = true) => ({
  index,
  name: `Card ${index}`,
  totalGb,
  freeGb: totalGb - 1,
  device: `cuda:${index}`,
  bf16,
});
let dir: string;
let facts: WizardFacts;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-wizard-'));
  mkdirSync(join(dir, 'fox'));
  for (let i = 0; i < 6; i += 1)
    writeFileSync(
      join(dir, 'fox', `${i}.png`),
      png(64, 64 + i, (x, y) => [x, y, i]),
    );
  writeFileSync(join(dir, 'fox', '0.txt'), 'a fox');
  const own = places({ VISIONTRAIN_HOME: join(dir, 'home') });
  const read = await readFacts({
    env: process.env,
    places: own,
    cwd: dir,
    draft: undefined,
    lastMode: undefined,
    file: join(dir, 'run.yaml'),
  });
  const folder = await readFolder(join(dir, 'fox'), own);
  if (typeof folder === 'string') throw new Error(folder);
  facts = { ...read, folder, machine: noCard };
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const you = (value: string): Answer => ({ value, by: 'you' });
const asking = (answers: Answers, machine: Machine = noCard): WizardContext => ({
  answers,
  facts: { ...facts, machine },
});

/** Presses Enter on every question, except for the given answers. */
function enter(given: Readonly<Record<string, string>> = {}, machine = noCard): WizardContext {
  let context = asking({}, machine);
  let position: Position = resume(flow, context);
  for (let i = 0; position.id !== 'review' && i < 100; i += 1) {
    const question = flow.find(position.id);
    if (question === undefined) throw new Error(position.id);
    const { initial } = question.form(context);
    const value = given[position.id] ?? initial;
    context = asking(
      { ...context.answers, [position.id]: { value, by: value === initial ? 'default' : 'you' } },
      machine,
    );
    position = next(flow, position, value, context);
  }
  return context;
}

function specOf(context: WizardContext) {
  const derived = derive(flow, context);
  if ('problems' in derived) throw new Error(JSON.stringify(derived.problems));
  return derived;
}

describe('the step machine', () => {
  it('leads through the steps in order to the review, in both modes', () => {
    for (const mode of ['easy', 'advanced']) {
      const context = enter({ mode });
      const order = visible(flow, context).map(({ step }) => step);
      const steps = ['mode', 'data', 'model', 'training', 'resources', 'review'];
      expect(order.map((step) => steps.indexOf(step))).toEqual(
        order.map((step) => steps.indexOf(step)).toSorted((a, b) => a - b),
      );
      expect(resume(flow, context)).toEqual({ id: 'review' });
    }
  });

  it('goes back exactly the way it came, whatever was answered', () => {
    const choices = fc.record({
      mode: fc.constantFrom('easy', 'advanced'),
      captions: fc.constantFrom('trigger', 'words'),
      'model.base': fc.constantFrom('tiny', 'sd15', 'more', 'file'),
    });
    fc.assert(
      fc.property(choices, (given) => {
        const context = enter({ ...given, 'model.more': 'sdxl', 'model.file': '/x.safetensors' });
        let position: Position | undefined = { id: 'review' };
        const way: string[] = [];
        while (position !== undefined) {
          way.unshift(position.id);
          position = back(flow, position, context);
        }
        expect(way).toEqual(visible(flow, context).map(({ id }) => id));
      }),
      { numRuns: 30 },
    );
  });

  it('returns to the review from an answer changed there, unless it opened a new question', () => {
    const context = enter();
    const there = next(flow, { id: 'review' }, `${JUMP}captions`, context);
    expect(there).toEqual({ id: 'captions', returnTo: 'review' });
    expect(back(flow, there, context)).toEqual({ id: 'review' });
    expect(next(flow, there, 'trigger', context)).toEqual({ id: 'review' });
    const words = asking({ ...context.answers, captions: you('words') });
    expect(next(flow, there, 'words', words)).toEqual({ id: 'dataset.default_caption', returnTo: 'review' });
  });

  it('resumes at the first question without an answer', () => {
    const answers = { mode: you('easy'), 'dataset.path': you('fox'), 'dataset.goal': you('style') };
    expect(resume(flow, asking(answers))).toEqual({ id: 'dataset.trigger' });
  });

  it('lets answers by Enter follow their default, and keeps those that were chosen', () => {
    const context = enter();
    const moved = asking({
      ...context.answers,
      'dataset.path': you('badger'),
      'dataset.trigger': { value: 'zfox', by: 'default' },
    });
    expect(followDefaults(flow, moved)['dataset.trigger']?.value).toBe('zbdgr');
    const chosen = asking({ ...moved.answers, 'dataset.trigger': you('zfox') });
    expect(followDefaults(flow, chosen)['dataset.trigger']?.value).toBe('zfox');
  });
});

describe('questions', () => {
  it('have all that a person needs to answer them: text, why, a label, choices that can be taken', () => {
    for (const mode of ['easy', 'advanced'])
      for (const question of [...visible(flow, enter({ mode }))]) {
        const context = enter({ mode });
        expect(question.text(context)).toMatch(/\?$/);
        expect(question.why.length).toBeGreaterThan(10);
        expect(question.label.length).toBeLessThanOrEqual(10);
        const form = question.form(context);
        if (form.kind !== 'choose') continue;
        const taken = form.choices.find(({ value }) => value === form.initial);
        expect(taken, question.id).toBeDefined();
        expect(taken?.disabled, question.id).toBeUndefined();
        expect(new Set(form.choices.map(({ value }) => value)).size).toBe(form.choices.length);
      }
  });

  it('name only existing entries of the glossary', () => {
    for (const question of flow.ordered)
      expect(helpFor(question.terms ?? [])).toHaveLength(question.terms?.length ?? 0);
  });

  it('reach every key of run.yaml in Advanced, each once', () => {
    const direct = ['version', 'name', 'dataset.path', 'dataset.goal', 'dataset.trigger', 'model.base'];
    const context = enter({ mode: 'advanced' });
    const listed = visible(flow, context).flatMap((question) => {
      const form = question.form(context);
      return form.kind === 'choose'
        ? form.choices.map(({ value }) => value).filter((value) => value.startsWith(JUMP + SETTING))
        : [];
    });
    const keys = listed
      .map((value) => value.slice((JUMP + SETTING).length))
      .filter((key, i, all) => all.indexOf(key) === i);
    expect([...keys, ...direct].toSorted()).toEqual(specKeys.map(({ key }) => key).toSorted());
    for (const key of keys) expect(flow.find(SETTING + key)?.why).toMatch(/^When to change it: .+/);
  });
});

describe('the review', () => {
  const rows = (context: WizardContext) => {
    const form = flow.find('review')?.form(context);
    return form?.kind === 'choose' ? form.choices.map(({ cells }) => cells) : [];
  };

  it('names every line once, in both modes', () => {
    for (const mode of ['easy', 'advanced']) {
      const labels = rows(enter({ mode })).map(([label]) => label);
      expect(new Set(labels).size, labels.join(' ')).toBe(labels.length);
      expect(labels).toContain('Resources');
    }
  });

  it('names the run as it is called there, and refuses an invalid name', () => {
    const context = enter();
    const named = (value: string) => asking({ ...context.answers, name: you(value) });
    expect(specOf(named('my-fox'))).toMatchObject({ spec: { name: 'my-fox' }, provenance: { name: 'you' } });
    expect(rows(named('my-fox')).find(([label]) => label === 'Name')).toEqual(['Name', 'my-fox', 'you']);
    const wrong = derive(flow, named('no/name é'));
    expect('problems' in wrong && wrong.problems.map(({ path }) => path.join('.'))).toEqual(['name']);
  });

  it('has a line for the model even when its file was not named yet', () => {
    const context = enter();
    const half = asking({ ...context.answers, 'model.base': you('file') });
    const form = flow.find('review')?.form(half);
    const line = form?.kind === 'choose' ? form.choices.find(({ cells }) => cells[0] === 'Model') : undefined;
    expect(line?.value).toBe(`${JUMP}model.base`);
  });

  it('says how long it will train where earlier runs tell, and otherwise nothing', () => {
    for (const mode of ['easy', 'advanced']) {
      const { answers, facts } = enter({ mode });
      expect(rows({ answers, facts }).map(([label]) => label)).not.toContain('Time');
      const { steps } = specOf({ answers, facts }).spec.training;
      const told = { answers, facts: { ...facts, pace: () => 3600 / Number(steps) } };
      const form = flow.find('review')?.form(told);
      const line = form?.kind === 'choose' ? form.choices.find(({ cells }) => cells[0] === 'Time') : undefined;
      expect(line?.cells).toEqual(['Time', 'about 60 min', 'detected']);
      expect(flow.find(line?.value.slice(JUMP.length) ?? '')).toBeDefined();
    }
  });

  it('shows the value of each group of settings, and who chose it', () => {
    const context = enter({ mode: 'advanced' }, { ...noCard, cards: [card(0, 24)] });
    const mine = { ...context.answers, 'set:training.steps': you('1234'), 'model.base': you('sdxl') };
    const found = Object.fromEntries(
      rows(asking(mine, { ...noCard, cards: [card(0, 24)] })).map(([label, ...cells]) => [label, cells]),
    );
    expect(found.Training).toEqual([expect.stringMatching(/^1234 steps, batch \d+, learning rate [\d.e-]+$/), 'you']);
    expect(found['Model kind']).toEqual(['sdxl, epsilon prediction', 'preset']);
    expect(found.Resources).toEqual([expect.stringMatching(/^Card 0, bf16/), 'detected']);
  });
});

describe('Enter on every question', () => {
  it('gives a complete spec on a machine without a card: the embedded model, in fp32', () => {
    const { spec, provenance } = specOf(enter());
    expect(spec.model.base).toBe('tiny');
    expect(spec.resources.precision).toBe('fp32');
    expect(spec.dataset.trigger).toBe('zfox');
    expect(provenance['training.rank']).toBe('preset');
  });

  it('recommends one way to captions, written ones but for the model that is there to try', () => {
    const recommended = (machine: Machine) => {
      const form = flow.find('captions')?.form(asking({}, machine));
      if (form?.kind !== 'choose') throw new Error('captions are not chosen');
      const marked = form.choices.filter(({ cells }) => cells.join(' ').includes('recommended'));
      expect(marked.map(({ value }) => value)).toEqual([form.initial]);
      return form.initial;
    };
    expect(recommended(noCard)).toBe('trigger');
    expect(recommended({ ...noCard, cards: [card(0, 24)] })).toBe('write');
  });

  it.each([
    [[card(0, 8)], 'sd15', 'bf16'],
    [[card(0, 12)], 'sdxl', 'bf16'],
    [[card(0, 11, false)], 'sd15', 'fp16'],
    [[card(0, 24)], 'sdxl', 'bf16'],
  ])('takes a base that fits: %#', (cards, base, precision) => {
    const { spec, provenance } = specOf(enter({}, { ...noCard, cards }));
    expect(spec.model.base).toBe(base);
    expect(spec.resources.precision).toBe(precision);
    expect(provenance['resources.precision']).toBe('detected');
  });

  it('gives the recipe of the base model itself', () => {
    const recipe = facts.registry.models.find(({ id }) => id === 'tiny')?.recipes.character ?? {};
    const { spec } = specOf(enter());
    expect(spec.training.steps).toBe(recipe['training.steps']);
    expect(spec.training.learning_rate).toBe(recipe['training.learning_rate']);
    expect(spec.training.rank).toBe(recipe['training.rank']);
  });

  it('asks which card when there are several', () => {
    const cards = [card(0, 8), card(1, 24)];
    const context = enter({}, { ...noCard, cards });
    expect(context.answers['resources.card']).toEqual({ value: '1', by: 'default' });
    expect(specOf(context).spec.resources).toMatchObject({ device: 'cuda:1', devices: 'auto' });
    const all = specOf(enter({ 'resources.card': 'all' }, { ...noCard, cards })).spec.resources;
    expect(all).toMatchObject({ device: 'auto', devices: 'all' });
  });

  it('asks once where to train when other machines are known, and never sends anything by Enter', () => {
    const boxes = [{ name: 'gpu1', target: 'me@gpu1' }];
    const small = { ...noCard, cards: [card(0, 4, false)] };
    const at = (answers: Answers, machine: Machine = small): WizardContext => ({
      answers,
      facts: { ...facts, machine, boxes },
    });
    const where = (context: WizardContext) => visible(flow, context).filter(({ id }) => id === 'resources.card');
    for (const machine of [noCard, small, { ...noCard, cards: [card(0, 8), card(1, 24)] }]) {
      const [question, second] = where(at({ mode: you('easy') }, machine));
      const form = question?.form(at({}, machine));
      expect(second).toBeUndefined();
      expect(form?.initial).toBe(machine.cards.length > 1 ? '1' : 'here');
      expect(form?.kind === 'choose' && form.choices.at(-1)?.value).toBe('box:gpu1');
    }
    expect(where(asking({ mode: you('easy') }))).toEqual([]);
    const answers = { ...enter({ 'model.base': 'sdxl' }).answers, 'model.base': you('sdxl') };
    const there = { ...answers, 'resources.card': you('box:gpu1') };
    expect(boxOf(at({ ...answers, 'resources.card': you('here') }))).toBeUndefined();
    expect(boxOf(at(there))).toBe('gpu1');
    // Limits of this machine's card are not written for another machine: the recipe's values are.
    expect(specOf(at(there))).toMatchObject({
      spec: { resources: { precision: 'bf16', device: 'auto', devices: 'auto' } },
      provenance: { 'resources.precision': 'preset' },
    });
    const rows = flow.find('review')?.form(at(there));
    const text = rows?.kind === 'choose' ? rows.choices.map(({ cells, about }) => [...cells, about].join(' ')) : [];
    expect(text.find((row) => row.startsWith('Trains on'))).toMatch(/^Trains on gpu1 you/);
    expect(text.find((row) => row.startsWith('Resources'))).toMatch(/^Resources gpu1, bf16/);
    expect(text.find((row) => row.startsWith('Save'))).toContain('visiontrain run FILE --on gpu1');
    // A box that was removed since the draft was saved is no answer any more.
    expect(boxOf(asking(there))).toBeUndefined();
    const models = flow.find('model.base')?.form(at({}));
    const sdxl = models?.kind === 'choose' ? models.choices.find(({ value }) => value === 'sdxl') : undefined;
    expect(sdxl?.cells).toContain('too large here');
    expect(sdxl?.disabled).toBeUndefined();
  });
});

it('shows and changes in Advanced how the person is notified', async () => {
  const config = join(dir, 'told');
  mkdirSync(config, { mode: 0o700 });
  const without = await toldFacts({ config }, {});
  expect([without.by, without.ways(without.settings)]).toEqual(['preset', 'bell, notice of the terminal']);
  const off = await toldFacts({ config }, { VISIONTRAIN_NOTIFY: 'off' });
  const file = join(config, '.visiontrainrc.yaml');
  const hooks = 'web: [{format: ntfy, url_env: NTFY}, {format: slack, url_env: SLACK}]';
  writeFileSync(file, `notify: {bell: false, desktop: true, ${hooks}}\n`, { mode: 0o600 });
  const told = await toldFacts({ config }, { NTFY: 'https://ntfy.example.org/secret' });
  const ways = 'notice of the terminal, desktop, ntfy (NTFY), slack (SLACK) (not set)';
  expect(told).toMatchObject({ by: 'you', file });
  expect(told.ways(told.settings)).toBe(ways);
  const row = (mode: string, known: Partial<WizardFacts>, chosen: Answers = {}) => {
    const context = { answers: { mode: you(mode), told: you('on'), ...chosen }, facts: { ...facts, ...known } };
    const form = flow.find('review')?.form(context);
    return form?.kind === 'choose' ? form.choices.find(({ value }) => value === `${JUMP}told`)?.cells : undefined;
  };
  expect(row('easy', { told })).toBeUndefined();
  expect(row('advanced', { told: off })).toEqual(['Notices', 'nobody is told', 'preset']);
  const chosen = {
    'told:bell': you('true'),
    'told:slack': you('none'),
    'told:discord': you('D'),
    'told:ntfy': you('NTFY'),
  };
  expect(noticeChanges({ answers: chosen, facts: { ...facts, told } })).toEqual({
    bell: true,
    web: { slack: null, discord: 'D' },
  });
  const changed = row(
    'advanced',
    { told: without },
    { 'told:terminal': you('off'), 'told:events': you('failed, best') },
  );
  expect(changed).toEqual(['Notices', 'bell', 'you']);
  const line = flow.find('told:ntfy')?.form({ answers: {}, facts: { ...facts, told } });
  const problem = line?.kind === 'line' ? line.problem : undefined;
  expect(['NTFY', 'none', ''].map((text) => problem?.(text))).toEqual([undefined, undefined, undefined]);
  expect(problem?.('https://ntfy.sh/x')).toContain('a secret');
  const page = flow.find('told')?.form({ answers: {}, facts: { ...facts, told } });
  expect(page?.kind === 'choose' && page.choices[0]?.about).toContain('visiontrain notify --test');
});

describe('answers', () => {
  it('become values that say who chose them', () => {
    const { spec, provenance } = specOf(enter({ length: 'long', detail: 'compact', 'dataset.goal': 'style' }));
    const recipe = facts.registry.models.find(({ id }) => id === 'tiny')?.recipes.style ?? {};
    expect(spec.training.steps).toBe(Number(recipe['training.steps']) * 2);
    expect(spec.training.rank).toBe(Number(recipe['training.rank']) / 2);
    expect(spec.training.alpha / spec.training.rank).toBe(
      Number(recipe['training.alpha']) / Number(recipe['training.rank']),
    );
    expect(provenance['training.steps']).toBe('you');
    expect(provenance['training.learning_rate']).toBe('preset');
  });

  it('of a single setting win over the recipe, and an invalid one is a problem of that key', () => {
    const context = enter({ mode: 'advanced' });
    const set = (value: unknown) =>
      asking({ ...context.answers, [`${SETTING}training.rank`]: you(JSON.stringify(value)) });
    expect(specOf(set(48)).spec.training.rank).toBe(48);
    const wrong = derive(flow, set(0));
    expect('problems' in wrong && wrong.problems.map(({ path }) => path.join('.'))).toEqual(['training.rank']);
  });

  it('adjust, for a file of one’s own, the recipe of its kind', () => {
    const file = join(import.meta.dirname, '../../../presets/tiny/sd15');
    const context = enter({ 'model.base': 'file', 'model.file': file });
    expect(visible(flow, context).map(({ id }) => id)).toEqual(
      expect.arrayContaining(['length', 'strength', 'detail']),
    );
    const { spec } = specOf(enter({ 'model.base': 'file', 'model.file': file, length: 'long' }));
    expect(spec.training.steps).toBe(2 * Number(specOf(context).spec.training.steps));
  });

  it('accept no licence by Enter, and none but the one that was shown', () => {
    const base = enter();
    const license = { name: 'Strict', url: 'https://example.org/l', restrictions: 'No selling.', acceptance: true };
    const locked = ['noobai', 'sdxl'].map((id) => [id, { ready: false, fetchBytes: 1, license }] as const);
    const models = new Map([...facts.models, ...locked]);
    const of = (answers: Answers): WizardContext => ({
      answers: { ...base.answers, ...answers },
      facts: { ...base.facts, models },
    });
    const asked = of({ 'model.base': you('noobai') });
    const question = visible(flow, asked).find(({ id }) => id === 'model.license');
    const form = question?.form(asked);
    expect(form).toMatchObject({ kind: 'choose', initial: `${JUMP}model.base` });
    expect(acceptsLicense(asked)).toBe(false);
    const yes = form?.kind === 'choose' ? (form.choices[1]?.value ?? '') : '';
    expect(acceptsLicense(of({ 'model.base': you('noobai'), 'model.license': you(yes) }))).toBe(true);
    expect(acceptsLicense(of({ 'model.base': you('tiny'), 'model.license': you(yes) }))).toBe(false);
    expect(acceptsLicense(of({ 'model.base': you('noobai'), 'model.license': you('accept Another') }))).toBe(false);
    expect(visible(flow, base).some(({ id }) => id === 'model.license')).toBe(false);
  });

  it('name a model that cannot fit, but do not let it be taken', () => {
    const context = enter({}, { ...noCard, cards: [card(0, 4)] });
    const form = flow.find('model.base')?.form(context);
    const sdxl = form?.kind === 'choose' ? form.choices.find(({ value }) => value === 'sdxl') : undefined;
    expect(sdxl?.disabled).toMatch(/needs a card with at least 6 GB; yours has 4\.0 GB/);
  });
});

describe('small things', () => {
  it.each([
    ['~/art/fox-emblem', 'zfxmblm'],
    ['/pics/狐', 'zsubject'],
    ['Io', 'zio'],
    ['.', 'zsubject'],
  ])('a trigger for %s', (path, word) => {
    expect(path === '.' ? inventTrigger('/') : inventTrigger(path)).toBe(word);
  });

  it.each([
    [1575, 1600],
    [600, 600],
    [60, 60],
    [3.4, 3],
    [0.2, 1],
  ])('%d steps are %d', (value, expected) => {
    expect(rounded(value)).toBe(expected);
  });

  it('shows and reads every value of a spec alike', () => {
    const { spec } = specOf(enter({ mode: 'advanced' }));
    for (const { key, node } of specKeys) {
      const value = key.split('.').reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], spec);
      expect(parse(node, shown(value)), key).toEqual(value);
    }
  });
});
