/** Captions as people and other programs store them, and which image they belong to. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, it } from 'vitest';
import { wordsOf } from '../../../src/engine/dataset/captions.ts';
import { hashImages } from '../../../src/engine/dataset/hash.ts';
import { scanDataset } from '../../../src/engine/dataset/scan.ts';
import { csvRows } from '../../../src/engine/dataset/words/csv.ts';
import { png, writeTree } from '../../helpers/images.ts';

async function look(
  files: Readonly<Record<string, string | Buffer>>,
  images: readonly string[],
  captionExtension = '.txt',
) {
  const root = mkdtempSync(join(tmpdir(), 'vt-words-'));
  writeTree(root, { ...files, ...Object.fromEntries(images.map((name, i) => [name, png(20, 20, i)])) });
  const { images: found, notes, others } = await scanDataset(root, { captionExtension });
  return { captions: Object.fromEntries(found.map(({ path, caption }) => [path, caption])), notes, others };
}

it('a name matches when it differs only in composed letters, case or outer spaces', async () => {
  const names = ['mu\u0308ller.png', 'Fox.PNG', 'bear .png'];
  const { captions } = await look({ 'm\u00fcller.txt': 'one', 'fox.TXT': 'two', 'bear.txt': 'three' }, names);
  expect(Object.values(captions).toSorted()).toEqual(['one', 'three', 'two']);
});

it.each([
  ['two captions', { 'FOX.txt': 'one', 'Fox.txt': 'two' }, ['fox.png']],
  ['two images', { 'FOX.txt': 'one' }, ['fox.png', 'Fox.png']],
])('%s that both match are not guessed between', async (_what, files, images) => {
  expect(Object.values((await look(files, images)).captions)).toEqual(images.map(() => null));
});

it('the exact name wins over a similar one', async () => {
  const { captions } = await look({ 'Fox.txt': 'Big', 'fox.txt': 'small' }, ['Fox.png', 'fox.png']);
  expect(captions).toEqual({ 'Fox.png': 'Big', 'fox.png': 'small' });
});

it('names as long as a file system takes keep their captions, whatever characters they have', async () => {
  const stems = ['[x]', '100%', '#1', '{a|b}', '(a, b)', '狐'.repeat(80)].map(
    (odd) => odd + 'x'.repeat(251 - Buffer.byteLength(odd)),
  );
  const images = stems.map((stem) => `${stem}.png`);
  expect(images.map((name) => Buffer.byteLength(name))).toEqual(images.map(() => 255));
  const { captions } = await look(Object.fromEntries(stems.map((stem, i) => [`${stem}.txt`, `fox ${i}`])), images);
  expect(captions).toEqual(Object.fromEntries(images.map((name, i) => [name, `fox ${i}`])));
});

it('a caption of no image is named with the image that it probably belongs to', async () => {
  const { notes, others } = await look({ 'fox_01.txt': 'a fox', 'README.txt': 'hello' }, ['fox_1.png']);
  expect(notes).toEqual(['fox_01.txt belongs to no image and is not read: is it the caption of fox_1.png?']);
  expect(others).toEqual({ '.txt': 1 });
});

it('metadata.jsonl is read for images without a caption file', async () => {
  const rows = [
    { file_name: 'a.png', text: 'one\ntwo' },
    { file_name: 'sub/b.png', caption: 'b' },
    { file_name: 'c.png', text: 'from the table' },
    { file_name: '../d.png', text: 'd' },
  ];
  const table = `\ufeff${rows.map((row) => JSON.stringify(row)).join('\r\n')}\nno json\n`;
  const { captions, notes, others } = await look({ 'metadata.jsonl': table, 'c.txt': 'own' }, [
    'a.png',
    'sub/b.png',
    'c.png',
    'd.png',
  ]);
  expect(captions).toEqual({ 'a.png': 'one two', 'sub/b.png': 'b', 'c.png': 'own', 'd.png': null });
  expect(notes).toEqual([
    'metadata.jsonl holds 4 captions; read for images without a caption file; not understood: line 5',
  ]);
  expect(others).toEqual({});
  const empty = await look({ 'metadata.jsonl': 'no json\n', 'metadata.csv': 'x,y\n' }, ['a.png']);
  expect(empty.others).toEqual({ '.jsonl': 1, '.csv': 1 });
});

it('tables of other kinds are named', async () => {
  expect((await look({ 'captions.jsonl': '{}', 'captions.csv': 'x' }, ['a.png'])).notes.toSorted()).toEqual(
    ['captions.csv', 'captions.jsonl'].map(
      (name) =>
        `${name} may hold captions; it is not read: metadata.jsonl, metadata.csv or a .txt file for each image is`,
    ),
  );
});

it.each([undefined, 'GZIP', 'ZSTD'] as const)('metadata.parquet (%s) is read like metadata.jsonl', async (codec) => {
  const packers = { GZIP: gzipSync, ZSTD: zstdCompressSync };
  const table = parquetWriteBuffer({
    columnData: [
      { name: 'file_name', data: ['a.png', 'b.png', 'c.png'], type: 'STRING' },
      { name: 'score', data: [1, 2, 3], type: 'INT32' },
      { name: 'text', data: ['a\nfox', 'from the table', null], type: 'STRING', nullable: true },
    ],
    rowGroupSize: 2,
    ...(codec === undefined ? {} : { codec, compressors: packers }),
  });
  const files = { 'sub/metadata.parquet': Buffer.from(table), 'sub/b.txt': 'own' };
  const { captions, notes, others } = await look(files, ['sub/a.png', 'sub/b.png', 'sub/c.png']);
  expect(captions).toEqual({ 'sub/a.png': 'a fox', 'sub/b.png': 'own', 'sub/c.png': null });
  expect(notes).toEqual([
    'sub/metadata.parquet holds 2 captions; read for images without a caption file; not understood: row 3',
  ]);
  expect(others).toEqual({});
});

it('metadata.parquet that cannot be read, or has other columns, is named', async () => {
  const [damaged] = (await look({ 'metadata.parquet': 'PAR1 nothing here PAR1' }, ['a.png'])).notes;
  expect(damaged).toMatch(/^metadata\.parquet cannot be read as parquet: /u);
  const other = parquetWriteBuffer({ columnData: [{ name: 'x', data: ['a'], type: 'STRING' }] });
  expect((await look({ 'metadata.parquet': Buffer.from(other) }, ['a.png'])).notes).toEqual([
    'metadata.parquet has no columns file_name and caption or text or prompt or tags, and is not read',
  ]);
});

it('metadata of sd-scripts is read by path or by name', async () => {
  const table = {
    'C:\\pics\\a.png': { caption: 'a fox', tags: 'red, sitting' },
    b: { tags: 'only\ntags', train_resolution: [512, 512] },
    twice: { caption: 'which one?' },
    gone: { caption: 'nowhere' },
    empty: {},
    odd: 'text',
    c: { caption: 'from the table' },
  };
  const { captions, notes } = await look({ 'meta_lat.json': JSON.stringify(table), 'sub/c.txt': 'own' }, [
    ...['a.png', 'sub/b.png', 'sub/c.png', 'sub/twice.png', 'twice.jpg', 'sub/empty.png', 'odd.png'],
  ]);
  expect(captions).toEqual({
    'a.png': 'a fox, red, sitting',
    'sub/b.png': 'only tags',
    'sub/c.png': 'own',
    'sub/twice.png': null,
    'twice.jpg': null,
    'sub/empty.png': null,
    'odd.png': null,
  });
  expect(notes).toEqual([
    'meta_lat.json holds 3 captions; read for images without a caption file; 4 of no image here, of several, or without words',
  ]);
  expect((await look({ 'meta_cap.json': '{' }, ['a.png'])).notes).toEqual(['meta_cap.json is no JSON and is not read']);
});

it('metadata.csv is read like metadata.jsonl', async () => {
  const table = [
    '\ufefffile_name,score,text',
    'a.png,1,"a fox, ""red""',
    'sitting"',
    '',
    'sub/b.png,2,plain',
    'c.png,3,from the table',
    'd.png',
    '"e.png"x,3,odd',
    'f.png,4,last',
  ].join('\r\n');
  const names = ['a.png', 'sub/b.png', 'c.png', 'd.png', 'e.png', 'f.png'];
  const { captions, notes } = await look({ 'metadata.csv': table, 'c.txt': 'own' }, names);
  expect(captions).toEqual({
    'a.png': 'a fox, "red" sitting',
    'sub/b.png': 'plain',
    'c.png': 'own',
    'd.png': null,
    'e.png': null,
    'f.png': 'last',
  });
  expect(notes).toEqual([
    'metadata.csv holds 4 captions; read for images without a caption file; not understood: line 7, 8',
  ]);
});

it.each([
  ['', 'of another kind'],
  ['file_name;text\na.png;x', 'with other separators'],
  ['"file_name,text\na.png,x', 'whose quotes are never closed'],
  ['name,text\na.png,x', 'without file_name'],
])('a metadata.csv like %j is named', async (table) => {
  const { captions, notes } = await look({ 'metadata.csv': table }, ['a.png']);
  expect(captions).toEqual({ 'a.png': null });
  expect(notes).toEqual([
    'metadata.csv has no columns file_name and caption or text or prompt or tags, and is not read',
  ]);
});

it.each(['"', 'a,"\n', ',', '\n', '"",', 'a\n', '"\n"', '"a"\n'])(
  'a table of %j many times is read at once',
  (part) => {
    const table = part.repeat((1 << 20) / part.length);
    let rows = 0;
    for (const { fields = [] } of csvRows(table, 65_536)) rows += fields.length <= 256 ? 1 : Number.NaN;
    expect(rows).toBeLessThanOrEqual(table.length / 2);
  },
);

it('NAME.json is read for its caption, and others are counted', async () => {
  const { captions, notes, others } = await look(
    {
      'a.json': '{"caption": "a toy"}',
      'b.png.json': '{"tags": ["toy", "red"]}',
      'c.json': '{"score": 1}',
      'settings.json': '{}',
    },
    ['a.png', 'b.png', 'c.png'],
  );
  expect(captions).toEqual({ 'a.png': 'a toy', 'b.png': 'toy, red', 'c.png': null });
  expect(notes).toEqual([
    'c.json is JSON without a caption (caption, text, prompt, tags) and is not used',
    'the captions of 2 images are read from a .json file beside it',
  ]);
  expect(others).toEqual({ '.json': 1 });
});

it.each([
  // Danbooru's own answer, and what gallery-dl saves of it.
  [{ tag_string: '1girl highres long_hair', rating: 's' }, '1girl, highres, long hair'],
  [
    {
      tag_string_general: 'solo long_hair ^_^',
      tag_string_character: 'hatsune_miku',
      tag_string_copyright: 'vocaloid',
      tag_string_artist: 'somebody',
      tag_string_meta: 'highres',
      tags: ['1girl', 'highres'],
    },
    'hatsune miku, vocaloid, solo, long hair, ^_^',
  ],
  [{ tags_general: ['red_eyes', 'o_o'], tags_character: '', tags: 'red_eyes o_o' }, 'red eyes, o_o'],
  // Gelbooru and its kin.
  [{ id: 1, md5: 'd4', tags: ' 1girl  long_hair solo ' }, '1girl, long hair, solo'],
  // e621.
  [
    { tags: { general: ['anthro', 'red_fur'], species: ['fox'], artist: ['somebody'], meta: ['hi_res'] } },
    'fox, anthro, red fur',
  ],
  // What another tool wrote stays as it is.
  [{ caption: 'a fox', tag_string: 'fox' }, 'a fox'],
  [{ tags: 'a red fox in snow' }, 'a red fox in snow'],
  [{ tags: 'a_b, c d', rating: 's' }, 'a_b, c d'],
  [{ tags: ['long_hair', 'red'] }, 'long_hair, red'],
  [{ tags: { general: 'x', species: 3, __proto__: ['y'] } }, 'x'],
  [{ tag_string: '', rating: 's' }, undefined],
])('the post of a booru %j is the caption %j', (post, words) => {
  expect(wordsOf(post)).toBe(words);
});

it.each(['.json', '.txt'])('JSON in a %s file never becomes the caption itself', async (extension) => {
  const files = {
    [`a${extension}`]: '{"caption": "a toy"}',
    [`b${extension}`]: '{"score": 1}',
    [`c${extension}`]: '[red hair], toy',
  };
  const { captions } = await look(files, ['a.png', 'b.png', 'c.png'], extension);
  expect(captions).toEqual({ 'a.png': 'a toy', 'b.png': null, 'c.png': '[red hair], toy' });
});

it('of identical images the captioned one stays', async () => {
  const root = mkdtempSync(join(tmpdir(), 'vt-words-'));
  writeTree(root, { 'a.png': png(20, 20), 'b.png': png(20, 20), 'b.txt': 'a fox', 'c.png': png(20, 20), 'c.txt': 'x' });
  const { images: found, leftOut } = await hashImages(await scanDataset(root, { captionExtension: '.txt' }), {
    cacheDir: null,
  });
  expect(found.map(({ path, caption }) => [path, caption])).toEqual([['b.png', 'a fox']]);
  expect(leftOut.map(({ path, problem }) => `${path} ${problem}`)).toEqual([
    'a.png is the same picture as b.png',
    'c.png is the same picture as b.png',
  ]);
});
