/**
 * Data sets that are archives, parquet files or repositories of a hub: which images come out, what is refused, what is
 * kept.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { pack } from 'tar-stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VisiontrainError } from '../../../src/base/errors.ts';
import { places } from '../../../src/base/paths.ts';
import { bringDatasets, broughtFolder } from '../../../src/engine/brought/bring.ts';
import { StoreFolder } from '../../../src/engine/brought/store.ts';
import type { StepTools } from '../../../src/engine/events/step-tools.ts';
import { fillSpec } from '../../../src/engine/prepare/fill.ts';
import { loadRegistry } from '../../../src/registry/catalogue/load.ts';
import { HubServer } from '../../helpers/hub-server.ts';
import { png } from '../../helpers/png.ts';
import { type RawEntry, rawZip } from '../../helpers/raw-zip.ts';

let dir: string;
let env: NodeJS.ProcessEnv;
const notes: string[] = [];
const image = (colour: number) => png(64, 64, (x, y) => [x * 3, y * 3, colour]);
const tools: StepTools = {
  signal: new AbortController().signal,
  phase: () => {},
  progress: () => {},
  note: ({ text }) => void notes.push(text),
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'visiontrain-brought-'));
  env = { ...process.env, VISIONTRAIN_HOME: join(dir, 'home') };
  notes.length = 0;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const bring = (path: string) => broughtFolder(path, dir, { places: places(env), env, tools });
const files = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

async function refusal(path: string): Promise<string> {
  try {
    await bring(path);
  } catch (error) {
    if (error instanceof VisiontrainError) return `${error.id}: ${error.message.replace(`${dir}/`, '')}`;
    throw error;
  }
  return 'taken';
}

const SET: readonly RawEntry[] = [
  { name: 'fox/', mode: 0o040755 },
  { name: 'fox/a.png', data: image(1) },
  { name: 'fox/a.txt', data: Buffer.from('a fox'), deflate: true },
  { name: '__MACOSX/fox/._a.png', data: Buffer.from('x') },
  { name: 'fox/.DS_Store', data: Buffer.from('x') },
];

interface TarEntry {
  readonly name: string;
  readonly data?: Buffer;
  readonly type?: 'file' | 'symlink' | 'link' | 'directory' | 'fifo' | 'character-device';
  readonly linkname?: string;
}

async function tar(entries: readonly TarEntry[]): Promise<Buffer> {
  const archive = pack();
  for (const { name, data = Buffer.alloc(0), type = 'file', linkname } of entries)
    archive.entry({ name, type, ...(linkname === undefined ? {} : { linkname }) }, type === 'file' ? data : '');
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** The tar file with another size in its first header. */
function claiming(bytes: Buffer, size: number): Buffer {
  bytes.write(`${size.toString(8).padStart(11, '0')} `, 124, 'latin1');
  bytes.write(' '.repeat(8), 148, 'latin1');
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

describe('an archive', () => {
  it('of zip becomes a private folder, found again under another name, and is not changed', async () => {
    writeFileSync(join(dir, 'fox.zip'), rawZip(SET));
    const before = [readFileSync(join(dir, 'fox.zip')), statSync(join(dir, 'fox.zip')).mtimeMs];
    const folder = await bring('fox.zip');
    expect(files(folder)).toEqual(['fox/a.png', 'fox/a.txt']);
    expect(readFileSync(join(folder, 'fox/a.png'))).toEqual(image(1));
    expect(statSync(join(folder, '..')).mode & 0o777).toBe(0o700);
    writeFileSync(join(dir, 'again.zip'), rawZip(SET));
    expect(await bring('again.zip')).toBe(folder);
    expect([readFileSync(join(dir, 'fox.zip')), statSync(join(dir, 'fox.zip')).mtimeMs]).toEqual(before);
  });

  it('of tar is read plain, by gzip and by zstd', async () => {
    const bytes = await tar([
      { name: './fox/', type: 'directory' },
      { name: './fox/a.png', data: image(1) },
      { name: 'fox/a.txt', data: Buffer.from('a fox') },
    ]);
    for (const [name, data] of [
      ['a.tar', bytes],
      ['b.tgz', gzipSync(bytes)],
      ['c.tar.zst', zstdCompressSync(bytes)],
    ] as const) {
      writeFileSync(join(dir, name), data);
      const folder = await bring(name);
      expect(files(folder), name).toEqual(['fox/a.png', 'fox/a.txt']);
      expect(readFileSync(join(folder, 'fox/a.png'))).toEqual(image(1));
    }
  });

  it('whose unpacking was cut off goes on with what is missing', async () => {
    const data = rawZip([...SET, { name: 'fox/b.png', data: image(2) }]);
    writeFileSync(join(dir, 'fox.zip'), data);
    const folder = await bring('fox.zip');
    rmSync(join(folder, '..', 'whole.json'));
    rmSync(join(folder, 'fox/b.png'));
    writeFileSync(join(folder, '..', 'part'), 'half a pictu');
    const kept = statSync(join(folder, 'fox/a.png')).ino;
    expect(await bring('fox.zip')).toBe(folder);
    expect(readFileSync(join(folder, 'fox/b.png'))).toEqual(image(2));
    expect(statSync(join(folder, 'fox/a.png')).ino).toBe(kept);
  });

  const word = Buffer.from('x');
  it.each<[string, readonly RawEntry[], string]>([
    ['a name that leads out', [{ name: '../a.png', data: word }], 'unsafe|../a.png|leads out'],
    ['a path of its own', [{ name: '/tmp/a.png', data: word }], 'path of its own'],
    ['a path of Windows', [{ name: 'C:/a.png', data: word }], 'absolute|path of its own'],
    ['a link', [{ name: 'a.png', data: Buffer.from('/etc/passwd'), mode: 0o120777 }], 'is a link'],
    ['a device', [{ name: 'a.png', mode: 0o020666 }], 'is no plain file'],
    [
      'the same name twice',
      [
        { name: 'a.png', data: word },
        { name: 'a.png', data: word },
      ],
      'is in it twice',
    ],
    [
      'a file that is a folder too',
      [
        { name: 'a', data: word },
        { name: 'a/b.png', data: word },
      ],
      'a file and a folder',
    ],
    ['a password', [{ name: 'a.png', data: word, flags: 0x801, deflate: true }], 'is encrypted'],
    ['escapes in a name', [{ name: 'a\u001b[2J.png', data: word }], 'control characters'],
    [
      'a bomb by its headers',
      [{ name: 'a.png', data: Buffer.alloc(4), deflate: true, claimed: 3e9 }],
      'become more than',
    ],
    [
      'a bomb that lies of its size',
      [{ name: 'a.png', data: Buffer.alloc(1 << 20), deflate: true, claimed: 100 }],
      'damaged',
    ],
    [
      'a checksum that is wrong',
      [
        { name: 'a.png', data: word, at: 0 },
        { name: 'b.png', data: Buffer.from('yy'), at: 0 },
      ],
      'damaged',
    ],
  ])('of zip with %s is refused in words', async (_name, entries, wanted) => {
    writeFileSync(join(dir, 'x.zip'), rawZip(entries));
    const told = await refusal('x.zip');
    expect(told).toMatch(/^dataset\/archive-(unsafe|damaged): x\.zip (is not|cannot be) unpacked: /u);
    expect(told).toMatch(new RegExp(wanted, 'u'));
    expect(existsSync(join(dir, 'a.png'))).toBe(false);
    // What was unpacked does not count as a data set.
    expect(await refusal('x.zip')).toBe(told);
  });

  it.each<[string, readonly TarEntry[], string]>([
    ['a name that leads out', [{ name: '../../a.png', data: word }], 'leads out'],
    ['a path of its own', [{ name: '/tmp/a.png', data: word }], 'path of its own'],
    ['a symbolic link', [{ name: 'a.png', type: 'symlink', linkname: '/etc/passwd' }], 'is a link'],
    ['a hard link', [{ name: 'a.png', type: 'link', linkname: '/etc/passwd' }], 'is a link'],
    ['a pipe', [{ name: 'a.png', type: 'fifo' }], 'is no plain file'],
    [
      'the same name twice',
      [
        { name: 'a.png', data: word },
        { name: './a.png', data: word },
      ],
      'is in it twice',
    ],
  ])('of tar with %s is refused in words', async (_name, entries, wanted) => {
    writeFileSync(join(dir, 'x.tar'), await tar(entries));
    expect(await refusal('x.tar')).toMatch(
      new RegExp(`^dataset/archive-unsafe: x.tar is not unpacked: .*${wanted}`, 'u'),
    );
  });

  it('that is cut short, of another kind, or a bomb is refused in words', async () => {
    const bytes = gzipSync(await tar([{ name: 'a.png', data: image(1) }]));
    writeFileSync(join(dir, 'cut.tgz'), bytes.subarray(0, bytes.length - 200));
    writeFileSync(join(dir, 'text.zip'), 'no zip file at all, but long enough to look at');
    writeFileSync(join(dir, 'x.7z'), '7z');
    writeFileSync(join(dir, 'bomb.tgz'), gzipSync(claiming(await tar([{ name: 'a.png' }]), 300 << 20)));
    for (const name of ['cut.tgz', 'text.zip', 'x.7z'])
      expect(await refusal(name), name).toMatch(/^dataset\/archive-damaged: /u);
    expect(await refusal('bomb.tgz')).toContain('become more than');
  });
});

const parquet = (images: readonly Buffer[], texts: readonly string[]): Buffer =>
  Buffer.from(
    parquetWriteBuffer({
      columnData: [
        { name: 'id', data: images.map((_, i) => i), type: 'INT32' },
        { name: 'image', data: images.map((bytes) => new Uint8Array(bytes)), type: 'BYTE_ARRAY' },
        { name: 'text', data: [...texts], type: 'STRING' },
      ],
      rowGroupSize: 2,
    }),
  );

it('a parquet file becomes its pictures with their captions', async () => {
  writeFileSync(join(dir, 'train.parquet'), parquet([image(1), image(2), image(3)], ['one fox', '', 'füchse']));
  const folder = await bring('train.parquet');
  expect(files(folder)).toEqual(['0000000.png', '0000000.txt', '0000001.png', '0000002.png', '0000002.txt']);
  expect(readFileSync(join(folder, '0000001.png'))).toEqual(image(2));
  expect(readFileSync(join(folder, '0000002.txt'), 'utf8')).toBe('füchse');
  const none = parquetWriteBuffer({ columnData: [{ name: 'text', data: ['a'], type: 'STRING' }] });
  writeFileSync(join(dir, 'text.parquet'), Buffer.from(none));
  expect(await refusal('text.parquet')).toContain('has no column with the bytes of pictures (text)');
  writeFileSync(join(dir, 'bad.parquet'), 'PAR1 nothing PAR1');
  expect(await refusal('bad.parquet')).toMatch(/^dataset\/archive-damaged/u);
});

describe('a data set of a hub', () => {
  const hub = new HubServer();
  beforeAll(() => hub.start());
  afterAll(() => hub.stop());
  beforeEach(() => {
    env = { ...env, HF_ENDPOINT: hub.url };
    hub.asked.length = 0;
  });

  it('comes with its captions at one commit, once, and is there without the network', async () => {
    hub.put('datasets/ann/fox', 'large/a.png', image(1));
    hub.put('datasets/ann/fox', 'b.png', image(2));
    hub.put('datasets/ann/fox', 'metadata.jsonl', '{"file_name": "b.png", "text": "a fox"}\n');
    hub.put('datasets/ann/fox', 'README.md', 'no');
    hub.put('datasets/ann/fox', 'load.py', 'print("never run")');
    const folder = await bring('hf:ann/fox');
    expect(files(folder)).toEqual(['b.png', 'large/a.png', 'metadata.jsonl']);
    expect(readFileSync(join(folder, 'large/a.png'))).toEqual(image(1));
    const asked = hub.asked.length;
    expect(await bring('hf:ann/fox')).toBe(folder);
    expect(hub.asked.slice(asked)).toHaveLength(1);
    env = { ...env, VISIONTRAIN_OFFLINE: '1' };
    expect(await bring('hf:ann/fox')).toBe(folder);
    expect(hub.asked).toHaveLength(asked + 1);
  });

  it('with parquet files or zip files becomes images too, and one folder of it can be named', async () => {
    hub.put('datasets/ann/rows', 'data/train-0.parquet', parquet([image(1), image(2)], ['a fox', 'a den']));
    hub.put('datasets/ann/rows', 'old/x.zip', rawZip(SET));
    const all = await bring('hf:ann/rows');
    expect(files(all)).toContain('data/train-0/0000001.txt');
    expect(files(all)).toContain('old/x/fox/a.png');
    expect(files(await bring('hf:ann/rows/old'))).toEqual(['old/x/fox/a.png', 'old/x/fox/a.txt']);
  });

  it('that is missing, empty or misspelt is refused in words', async () => {
    hub.put('datasets/ann/text', 'a.txt', 'words');
    expect(await refusal('hf:ann/gone')).toMatch(/^dataset\/hub: The data set hf:ann\/gone cannot be fetched/u);
    expect(await refusal('hf:ann/text')).toContain('holds no pictures');
    expect(await refusal('hf:fox')).toContain('names no data set');
    hub.put('datasets/ann/evil', '../../out.png', image(1));
    expect(await refusal('hf:ann/evil')).toContain('holds no pictures');
    hub.put('datasets/ann/evil', '/out.png', image(1));
    expect(await refusal('hf:ann/evil')).toMatch(/outside its folder|cannot be fetched/u);
  });
});

it('settings name archives wherever they name a data set, also when they are filled again', async () => {
  writeFileSync(join(dir, 'fox.zip'), rawZip(SET));
  const registry = loadRegistry({ configDir: join(dir, 'none') });
  const { spec } = fillSpec(
    {
      name: 'x',
      dataset: { path: 'fox.zip', sources: [{ path: 'fox.zip' }], regularisation: { path: 'fox.zip' } },
      validation: { path: 'fox.zip' },
      model: { base: 'tiny' },
    },
    registry,
  );
  const brought = await bringDatasets(spec, dir, { places: places(env), env, tools });
  const folder = await bring('fox.zip');
  const folders = brought?.asFolders(spec) ?? spec;
  expect(folders).toMatchObject({
    dataset: { path: folder, sources: [{ path: folder }], regularisation: { path: folder } },
    validation: { path: folder },
  });
  const named = join(dir, 'fox.zip');
  expect(brought?.asNamed(folders)).toMatchObject({
    dataset: { path: named, sources: [{ path: named }], regularisation: { path: named } },
    validation: { path: named },
  });
  expect(new StoreFolder(places(env), 'f'.repeat(64)).isWhole).toBe(false);
});

it('dataset check and run take a zip file', () => {
  mkdirSync(join(dir, 'home'));
  writeFileSync(join(dir, 'fox.zip'), rawZip(SET));
  const bin = join(import.meta.dirname, '..', '..', '..', 'bin/visiontrain');
  const cli = (...args: string[]) =>
    JSON.parse(execFileSync(process.execPath, [bin, ...args, '--json'], { cwd: dir, env, stdio: 'pipe' }).toString());
  expect(cli('dataset', 'check', 'fox.zip')).toMatchObject({ images: 1, captions: 1 });
  writeFileSync(join(dir, 'run.yaml'), 'version: 1\ndataset: {path: fox.zip}\nmodel: {base: tiny}\n');
  const { plan } = cli('run', 'run.yaml', '--dry-run');
  expect(plan.data.images).toMatchObject([{ path: 'fox/a.png', caption: 'a fox' }]);
  // run.yaml names the archive, so that it can be trained again anywhere.
  const shown = execFileSync(process.execPath, [bin, 'run', 'run.yaml', '--dry-run'], { cwd: dir, env, stdio: 'pipe' });
  expect(shown.toString()).toMatch(new RegExp(`^ {2}path: ${join(dir, 'fox.zip')} `, 'mu'));
});
