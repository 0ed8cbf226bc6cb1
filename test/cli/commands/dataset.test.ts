import { mkdtempSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFolder } from '../../../src/wizard/sources/sources.ts';
import { cli } from '../../helpers/cli.ts';
import { png, writeTree } from '../../helpers/images.ts';

const env = { ...process.env, VISIONTRAIN_HOME: mkdtempSync(join(tmpdir(), 'vt-home-')) };
const folder = (files: Readonly<Record<string, string | Uint8Array>>) => {
  const root = mkdtempSync(join(tmpdir(), 'vt-dataset-'));
  writeTree(root, files);
  return root;
};

describe('dataset check', () => {
  const files = {
    '10_fox/a.png': png(40, 30),
    '10_fox/a.txt': 'a fox',
    'copy.png': png(40, 30),
    'evil\u001b[31m.png': '',
    'photo.jxl': 'x',
  };

  it('shows what is used, what is left out, and no control characters', async () => {
    const root = folder(files);
    const { code, stdout } = await cli(['dataset', 'check', root], env);
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.trimEnd())).toEqual([
      root,
      '',
      '  1 picture will be used (1 png) · 40×30',
      '  1 caption',
      '  ! copy.png is the same picture as 10_fox/a.png: left out',
      '  ! evil\ufffd[31m.png is empty (0 bytes): left out',
      '  ! 1 .jxl file not used: JPEG XL cannot be read here. Convert it first:   mogrify -format png *.jxl',
      '  Other files, not used: 1 .jxl',
      '  arranged in parts, which visiontrain new makes sources of:',
      '    10_fox/: 1 picture, each used 10 times, as its name says',
      '',
      '  ! 1 picture much smaller than the bucket.',
      '      10_fox/a.png is 40×30, enlarged 29.9 times to 1152×896',
      '    It is enlarged, which teaches blur. Use a larger file, or set dataset.no_upscale or a smaller dataset.resolution.',
      '  The pixels of 1 were not looked at: there is no Python environment yet: visiontrain setup makes it.',
      '  Nothing in this folder is changed, moved or written.',
      '',
    ]);
    // The command works without a home, because it has nothing to store.
    const homeless = await cli(['dataset', 'check', root], { ...env, VISIONTRAIN_HOME: join(root, 'copy.png') });
    expect(homeless).toMatchObject({ code: 0, stdout });
    expect(readdirSync(root).sort()).toEqual(['10_fox', 'copy.png', 'evil\u001b[31m.png', 'photo.jxl']);
  });

  it('tells marks of other programs in captions, as a run does', async () => {
    const root = folder({
      'a.png': png(40, 30),
      'a.txt': String.raw`a \(red\) fox, <lora:fox:1>`,
      'b.png': png(41, 30),
      'b.txt': 'zwx ||| (fur:1.2)',
      'c.png': png(42, 30),
      'c.txt': 'a fox',
    });
    const { stdout } = await cli(['dataset', 'check', root], env);
    expect(stdout).toContain(
      String.raw`  ! 2 captions with marks of other programs (\( \), <lora:…>, (word:1.2), |||): they are read as words`,
    );
    const { notes } = JSON.parse((await cli(['dataset', 'check', root, '--json'], env)).stdout) as { notes: string[] };
    expect(notes).toHaveLength(1);
  });

  it('looks with the files that a run passes over, when asked', async () => {
    const root = folder({
      'a.png': png(40, 30),
      'masks/a.png': png(41, 30),
      'reg/b.png': png(42, 30),
    });
    const check = async (...options: string[]) => (await cli(['dataset', 'check', root, ...options], env)).stdout;
    expect(await check()).toMatch(
      /1 picture will.*reg\/: passed over.*masks\/: passed over.*dataset\.include in run\.yaml.*1 regularisation picture/su,
    );
    expect(await check('--include', 'masks')).toMatch(/2 pictures will.*reg\/: passed over/su);
    expect(await check('--include', 'masks', '--include', 'reg/')).toMatch(/3 pictures will(?!.*passed over)/su);
  });

  it('gives the same as data', async () => {
    const { stdout } = await cli(['dataset', 'check', folder(files), '--json'], env);
    expect(JSON.parse(stdout)).toMatchObject({
      images: 1,
      captions: 1,
      largest: [40, 30],
      leftOut: [{ path: 'copy.png', reason: 'duplicate' }, { reason: 'unreadable' }],
      others: { '.jxl': 1 },
    });
  });

  it.each([
    ['no pictures', () => folder({ 'a.jxl': 'x' }), /has no pictures we can read.*1 \.jxl.*mogrify/su],
    ['no folder', () => '/nowhere/at/all', /There is no folder/],
  ])('%s is a sentence and exit 2', async (_name, root, message) => {
    const { code, stdout, stderr } = await cli(['dataset', 'check', root()], env);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

it('dataset caption edit keeps, outside of the folder, what an editor changed in the captions', async () => {
  const root = folder({ 'a.png': png(40, 30), 'a.txt': 'a fox', 'b c.png': png(41, 30), 'sub/d.png': png(42, 30) });
  const before = stamps(root);
  const caption = (args: readonly string[], editor: string) =>
    cli(['dataset', 'caption', ...args], { ...env, VISUAL: '', EDITOR: editor });
  const change = `sed -i 's/a fox/a red fox/; s/^b c.png\t$/b c.png\ta hat/'`;
  const seen = await caption(['edit', root, '--preview'], change);
  expect(seen).toMatchObject({ code: 0, stdout: 'a.png\n  - a fox\n  + a red fox\nb c.png\n  - \n  + a hat\n' });
  expect(seen.stderr).toContain('2 captions would be changed; nothing is kept.');
  expect((await caption(['versions', root], '')).stderr).toContain('No caption here was edited.');

  expect((await caption(['edit', root], change)).stderr).toContain('2 captions changed. No file in the folder is.');
  expect(JSON.parse((await caption(['edit', root, 'a.png', '--json'], `sed -i 's/red/blue/'`)).stdout)).toEqual({
    captions: [{ path: 'a.png', before: 'a red fox', after: 'a blue fox' }],
  });
  const tags = JSON.parse((await cli(['dataset', 'tags', root, '--json'], env)).stdout) as { tags: { tag: string }[] };
  expect(tags.tags.map(({ tag }) => tag).toSorted()).toEqual(['a blue fox', 'a hat']);
  const checked = JSON.parse((await cli(['dataset', 'check', root, '--json'], env)).stdout);
  expect([checked.captions, checked.notes]).toEqual([2, [expect.stringMatching(/^2 captions as you edited them/u)]]);
  expect(
    await readFolder(root, { cache: join(env.VISIONTRAIN_HOME ?? '', 'cache'), home: env.VISIONTRAIN_HOME ?? '' }),
  ).toMatchObject({ usable: 3, captioned: 2 });
  const { images } = JSON.parse((await caption(['versions', root, '--json'], '')).stdout) as {
    images: { path: string; current: number }[];
  };
  expect(images.map(({ path, current }) => [path, current])).toEqual([
    ['a.png', 2],
    ['b c.png', 1],
  ]);
  expect((await caption(['undo', root], '')).stdout).toBe('a.png\n');
  expect((await caption(['versions', root, 'a.png'], '')).stdout).toMatch(
    /^a\.png\n {4}its own.*a fox\n {2}\* .*red fox\n {4}.*blue/u,
  );
  expect((await caption(['undo', root, '--json'], '')).stdout).toContain('b c.png');

  const wrong = await caption(['edit', root], `sed -i 's/^a.png/x.png/'`);
  expect(wrong).toMatchObject({ code: 2, stdout: '' });
  expect(wrong.stderr).toMatch(/1 line cannot be understood.*line 5: there is no picture x\.png.*captions\.tsv/su);
  expect((await caption(['edit', root], 'exit 3 #')).stderr).toMatch(/ended with code 3/u);
  expect((await caption(['edit', root], '')).stderr).toMatch(/No editor is set/u);
  expect(stamps(root)).toEqual(before);
});

/** Bytes, times and rights of all files of a folder. */
const stamps = (root: string) =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const { mtimeMs, ctimeMs, mode, size } = statSync(join(root, name));
      return [name, mtimeMs, ctimeMs, mode, size];
    });

it('schema prints a JSON Schema', async () => {
  const { code, stdout } = await cli(['schema'], env);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ type: 'object', required: ['version', 'dataset', 'model'] });
});
