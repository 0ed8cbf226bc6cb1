/** Data sets that are archives, or lie on a hub, as answers to the question where the images are. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { places } from '../../src/base/paths.ts';
import { bringDatasets } from '../../src/engine/brought/bring.ts';
import { loadSpec } from '../../src/engine/prepare/load.ts';
import { loadRegistry } from '../../src/registry/catalogue/load.ts';
import { styleFor } from '../../src/terminal/style.ts';
import type { Capabilities } from '../../src/terminal/terminal.ts';
import type { Asker, LineAsk } from '../../src/wizard/prompts/frame.ts';
import { runWizard } from '../../src/wizard/wizard.ts';
import { HubServer } from '../helpers/hub-server.ts';
import { png } from '../helpers/png.ts';
import { rawZip } from '../helpers/raw-zip.ts';

const dir = mkdtempSync(join(tmpdir(), 'vt-archives-'));
const hub = new HubServer();
const env: NodeJS.ProcessEnv = { ...process.env, VISIONTRAIN_HOME: join(dir, 'home') };
const own = places(env);
const image = (colour: number) => png(64, 64, (x, y) => [x * 3, y * 3, colour]);

beforeAll(async () => {
  await hub.start();
  env.HF_ENDPOINT = hub.url;
});
afterAll(async () => {
  await hub.stop();
  rmSync(dir, { recursive: true, force: true });
});

const zip = (name: string, names: readonly string[]) =>
  writeFileSync(join(dir, name), rawZip(names.map((path, i) => ({ name: path, data: image(i * 20) }))));

type Answer = string | ((form: LineAsk) => Promise<string>);

/** Goes through the wizard with Enter, except for the answers of this script, and saves. */
async function drive(script: Record<string, Answer[]>, folder?: string) {
  const records: string[] = [];
  const asker: Asker = async (frame, form) => {
    const next = script[frame.label]?.shift();
    const value =
      frame.label === 'Review'
        ? 'save'
        : typeof next === 'function'
          ? await next(form as LineAsk)
          : (next ?? form.initial);
    if (form.kind === 'line') expect(await form.check(value)).toBeUndefined();
    records.push(`${frame.label}: ${frame.record(value)}`);
    return { kind: 'answer', value };
  };
  const { file } = await runWizard({
    asker,
    can: { columns: 80, rows: 24 } as Capabilities,
    style: styleFor({ colour: 0, unicode: true }),
    env,
    places: own,
    cwd: dir,
    version: '0',
    say: () => undefined,
    mode: 'easy',
    yes: false,
    ...(folder === undefined ? {} : { folder }),
  });
  return { file, records, spec: loadSpec(file, { registry: loadRegistry({ configDir: own.config }) }).spec };
}

const bring = async (spec: Parameters<typeof bringDatasets>[0]) => {
  const tools = { signal: AbortSignal.timeout(10_000), phase: () => {}, progress: () => {}, note: () => {} };
  return bringDatasets(spec, dir, { places: own, env, tools });
};

it('an archive is unpacked while its progress is shown, and run.yaml keeps its name', async () => {
  zip('Red Foxes.zip', ['a.png', 'b.png']);
  const told: string[] = [];
  const { spec, records, file } = await drive({
    Pictures: [
      async (form) => {
        const watch = { tell: (words: string) => void told.push(words), signal: new AbortController().signal };
        expect(await form.check('Red Foxes.zip', watch)).toBeUndefined();
        expect((await form.suggest?.('Red'))?.map(({ value, note }) => [value, note])).toEqual([
          ['Red Foxes.zip', 'archive'],
        ]);
        return 'Red Foxes.zip';
      },
    ],
  });
  expect(told[0]).toBe('unpacking…');
  expect(told.at(-1)).toMatch(/^unpacking: .*\(100 %\)$/u);
  expect(records.find((line) => line.startsWith('Pictures'))).toMatch(/Red Foxes\.zip$/u);
  expect([spec.dataset.path, spec.name, spec.dataset.trigger]).toEqual(['Red Foxes.zip', 'Red-Foxes', 'zrdfxs']);
  rmSync(file);
});

it('parts of an archive become sources under its name, which a run finds again', async () => {
  zip('kohya.zip', ['img/10_zwx fox/a.png', 'img/10_zwx fox/b.png', 'img/5_zwx cub/c.png', 'reg/1_fox/d.png']);
  const { spec, file } = await drive({}, 'kohya.zip');
  expect(spec.dataset.path).toBe('kohya.zip');
  expect(spec.dataset.sources.map(({ path }) => path)).toEqual(
    ['img/10_zwx fox', 'img/5_zwx cub', 'reg/1_fox'].map((path) => `kohya.zip/${path}`),
  );
  const brought = await bring(spec);
  const asFolders = brought?.asFolders(spec);
  for (const { path } of asFolders?.dataset.sources ?? [])
    expect(path.startsWith(`${asFolders?.dataset.path}/`)).toBe(true);
  expect(asFolders && brought?.asNamed(asFolders).dataset.sources[0]?.path).toBe(join(dir, 'kohya.zip/img/10_zwx fox'));
  rmSync(file);
});

it('an archive that is damaged, missing or stopped is reported, and another answer is accepted', async () => {
  writeFileSync(join(dir, 'bad.zip'), 'PK nothing');
  zip('big.zip', ['a.png']);
  const refuse = async (form: LineAsk, text: string, signal = new AbortController().signal) =>
    String(await form.check(text, { tell: () => undefined, signal }));
  const { file } = await drive({
    Pictures: [
      async (form) => {
        expect(await refuse(form, 'bad.zip')).toMatch(/bad\.zip/u);
        expect(await refuse(form, 'gone.zip')).toMatch(/gone\.zip/u);
        expect(await refuse(form, 'hf:nobody')).toMatch(/names no data set/u);
        expect(await refuse(form, 'big.zip', AbortSignal.abort())).toMatch(/^Stopped\. What was fetched/u);
        return 'big.zip';
      },
    ],
  });
  rmSync(file);
});

it('an id of a hub is fetched, and stands in run.yaml as it was typed', async () => {
  hub.put('datasets/ann/foxes', 'a.png', image(5));
  const { file, spec } = await drive({ Pictures: ['hf:ann/foxes'] });
  expect([spec.dataset.path, spec.name]).toEqual(['hf:ann/foxes', 'foxes']);
  rmSync(file);
});
