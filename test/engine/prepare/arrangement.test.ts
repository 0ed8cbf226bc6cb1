/**
 * How a folder is arranged: which parts become sources, masks and validation, and which folder stays one plain data
 * set.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { places } from '../../../src/base/paths.ts';
import type { Plan } from '../../../src/engine/plan/schema.ts';
import { arrangedValues, arrangementLines, arrangementOf } from '../../../src/engine/prepare/arrangement.ts';
import { loadSpec } from '../../../src/engine/prepare/load.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { styleFor } from '../../../src/terminal/style.ts';
import type { Capabilities } from '../../../src/terminal/terminal.ts';
import { runWizard } from '../../../src/wizard/wizard.ts';
import { png } from '../../helpers/png.ts';

let dir: string;
let drawn = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-arranged-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Each image has contents of its own. */
function files(...paths: string[]): void {
  for (const path of paths) {
    const full = join(dir, path);
    mkdirSync(dirname(full), { recursive: true });
    drawn += 1;
    const [red, green] = [drawn % 256, Math.floor(drawn / 256)];
    writeFileSync(full, path.endsWith('.png') ? png(64, 64, (x, y) => [x * 3, y * 3, red ^ green]) : 'a fox');
  }
}

const roles = () =>
  arrangementOf(dir)?.sources.map(({ path, role, repeats, words }) => [path, role, repeats, words].join(' | '));

describe('an arrangement', () => {
  it('is that of a project of kohya_ss', () => {
    files('img/10_zwx fox/a.png', 'img/10_zwx fox/b.png', 'img/3_zwx den/a.png', 'reg/1_fox/r.png', 'log/x.txt');
    files('mask/10_zwx fox/a.png', 'mask/b.png', 'model/old.safetensors', 'reg/readme.txt');
    expect(roles()).toEqual([
      'img/10_zwx fox | train | 10 | zwx fox',
      'img/3_zwx den | train | 3 | zwx den',
      'reg/1_fox | regularisation |  | fox',
    ]);
    const found = arrangementOf(dir);
    expect(found).toMatchObject({ masks: 'mask', masked: 3 });
    if (found === undefined) return;
    expect(arrangementLines(found)).toEqual([
      'img/10_zwx fox/: 2 pictures, each used 10 times, as its name says',
      'img/3_zwx den/: 1 picture, each used 3 times, as its name says',
      'reg/1_fox/: 1 regularisation picture, called "fox"',
      'masks in mask/: 3 pictures learned within theirs',
    ]);
    expect(arrangedValues('/f', found, true)).toEqual({
      'dataset.sources': [
        { path: '/f/img/10_zwx fox', role: 'train', repeats: 10, default_caption: 'zwx fox' },
        { path: '/f/img/3_zwx den', role: 'train', repeats: 3, default_caption: 'zwx den' },
        { path: '/f/reg/1_fox', role: 'regularisation', default_caption: 'fox' },
      ],
      'dataset.masks': { from: '/f/mask' },
    });
    expect(arrangedValues('/f', found, false)['dataset.sources']).toContainEqual({
      path: '/f/img/3_zwx den',
      role: 'train',
      repeats: 3,
    });
  });

  it.each<[string, string[], string[] | undefined]>([
    ['a plain folder', ['a.png', 'a.txt'], undefined],
    ['a dump of sub-folders without captions', ['x/a.png', 'y/b.png'], undefined],
    ['one folder with captions', ['x/a.png', 'x/a.txt'], undefined],
    ['images outside of the sub-folders', ['a.png', 'x/a.png', 'x/a.txt', 'y/b.png', 'y/b.txt'], undefined],
    [
      'captioned sub-folders',
      ['x/a.png', 'x/a.txt', 'y/d/b.png', 'y/d/b.caption'],
      ['x | train |  | ', 'y | train |  | '],
    ],
    ['a folder that asks for nothing', ['0_off/a.png', '2_on/b.png'], ['2_on | train | 2 | on']],
    [
      'nested numbers: the innermost counts',
      ['9_all/2_fox/a.png', '9_all/b.png'],
      ['9_all | train | 9 | all', '9_all/2_fox | train | 2 | fox'],
    ],
    ['regularisation images as they lie', ['a.png', 'reg/r.png', 'reg/more/s.png'], ['reg | regularisation |  | ']],
    [
      'splits of a data set',
      ['train/a.png', 'val/b.png', 'test/c.png'],
      ['test | validation |  | ', 'val | validation |  | '],
    ],
    ['a subject that is called Val', ['val/b.png', 'c.png'], undefined],
    ['validation alone, which is the subject', ['validation/b.png'], undefined],
    ['validation beside images', ['a.png', 'validation/b.png'], ['validation | validation |  | ']],
  ])('%s', (_name, paths, wanted) => {
    files(...paths);
    expect(roles()).toEqual(wanted);
  });

  it('has masks where at least half of the images have one', () => {
    files('a.png', 'b.png', 'c.png', 'a-masklabel.png');
    expect(arrangementOf(dir)).toBeUndefined();
    files('b.mask.png');
    expect(arrangementOf(dir)).toMatchObject({ sources: [], masks: 'auto', masked: 2 });
  });

  it('of a folder that is not there is left to the scan', () => {
    expect(arrangementOf(join(dir, 'gone'))).toBeUndefined();
  });
});

const root = join(import.meta.dirname, '..', '..', '..');

/** Presses Enter on every question of the wizard, and keeps the run for later. */
async function answerAll(folder: string, mode: 'easy' | 'advanced', script: Record<string, string> = {}) {
  const asked: string[] = [];
  await runWizard({
    asker: async ({ label }, form) => {
      asked.push(label);
      const value = script[label] ?? (label === 'Review' ? 'save' : form.initial);
      if (form.kind === 'line') expect(await form.check(value)).toBeUndefined();
      return { kind: 'answer', value };
    },
    can: { columns: 80, rows: 24 } as Capabilities,
    style: styleFor({ colour: 0, unicode: true }),
    env: { ...process.env, VISIONTRAIN_HOME: join(dir, 'home') },
    places: places({ VISIONTRAIN_HOME: join(dir, 'home') }),
    cwd: dir,
    version: '0',
    say: () => {},
    mode,
    folder,
    from: undefined,
    file: `${mode}.yaml`,
    yes: false,
  });
  const file = join(dir, `${mode}.yaml`);
  const { spec } = loadSpec(file, { registry: loadRegistry({ configDir: join(dir, 'none') }) });
  return { asked, spec, text: readFileSync(file, 'utf8') };
}

it('the wizard makes sources of a kohya tree, and the plan uses each as its name says', async () => {
  files('fox/img/10_zwx fox/a.png', 'fox/img/10_zwx fox/b.png', 'fox/img/3_zwx den/a.png', 'fox/img/3_zwx den/a.txt');
  files('fox/reg/1_fox/r.png', 'fox/mask/10_zwx fox/a.png', 'fox/mask/3_zwx den/a.png', 'fox/validation/v.png');
  const { asked, spec, text } = await answerAll('./fox', 'easy');
  expect(asked).not.toContain('Folders');
  expect(text).toMatch(/sources: +# detected/u);
  const { sources, masks, trigger } = spec.dataset;
  expect(sources.map(({ path, role, repeats, default_caption: words }) => [path, role, repeats, words])).toEqual([
    ['fox/img/10_zwx fox', 'train', 10, 'zwx fox'],
    ['fox/img/3_zwx den', 'train', 3, 'zwx den'],
    ['fox/reg/1_fox', 'regularisation', null, 'fox'],
    ['fox/validation', 'validation', null, null],
  ]);
  expect(masks?.from).toBe('fox/mask');
  expect(trigger).toBe('zwx');
  const env = { ...process.env, VISIONTRAIN_HOME: join(dir, 'home') };
  const dry = [join(root, 'bin/visiontrain'), 'run', 'easy.yaml', '--dry-run', '--json'];
  const told = execFileSync(process.execPath, dry, { cwd: dir, env, stdio: 'pipe' }).toString();
  const seen = (JSON.parse(told).plan.data.images as Plan['data']['images']).map((image) => [
    image.path.replace(`${dir}/fox/`, ''),
    image.repeats,
    image.caption,
    image.validation ? 'validation' : image.regularisation ? 'regularisation' : 'train',
    image.mask?.path.replace(`${dir}/fox/`, '') ?? null,
  ]);
  expect(seen).toEqual([
    ['img/10_zwx fox/a.png', 10, 'zwx fox', 'train', 'mask/10_zwx fox/a.png'],
    ['img/10_zwx fox/b.png', 10, 'zwx fox', 'train', null],
    ['img/3_zwx den/a.png', 3, 'zwx, a fox', 'train', 'mask/3_zwx den/a.png'],
    ['reg/1_fox/r.png', 1, 'fox', 'regularisation', null],
    ['validation/v.png', 1, 'zwx', 'validation', null],
  ]);
});

it('Advanced may read the same tree as one folder', async () => {
  files('fox/img/10_zwx fox/a.png', 'fox/img/10_zwx fox/b.png', 'fox/reg/1_fox/r.png', 'fox/mask/a.png');
  const { asked, spec } = await answerAll('./fox', 'advanced', { Folders: 'plain' });
  expect(asked).toContain('Folders');
  expect(spec.dataset).toMatchObject({ sources: [], masks: null });
});
