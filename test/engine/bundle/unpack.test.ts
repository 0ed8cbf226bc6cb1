/** Bundles of unknown origin: a harmful one is refused, and nothing of it is kept. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import { unpackBundle } from '../../../src/engine/bundle/unpack.ts';
import { isZip } from '../../../src/engine/bundle/zip-head.ts';
import { type RawEntry, rawZip } from '../../helpers/raw-zip.ts';

const place = realpathSync(mkdtempSync(join(tmpdir(), 'vt-unpack-')));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');
const listed = (path: string, data: Buffer) => ({ path, bytes: data.length, sha256: sha256(data) });
const data = (text: string) => Buffer.from(text);
const whole: Readonly<Record<string, Buffer>> = {
  'run.yaml': data('version: 1\n'),
  'plan.json': data('{}\n'),
  'lora/fox.safetensors': data('lora'),
};
const image = { name: 'images/fox.png', data: data('fox') };

function manifest(change: object = {}): Buffer {
  const files = Object.entries(whole).map(([path, content]) => listed(path, content));
  const base = { name: 'tiny', family: 'sd15', listed: true, sha256: null, licence: 'CC0-1.0' };
  return data(
    JSON.stringify({
      visiontrain_bundle: 2,
      name: 'fox',
      made_by: 'visiontrain 1',
      spec_sha256: '0'.repeat(64),
      lora: files[2],
      base,
      vae: null,
      facts: {},
      images: { inside: true, files: [listed(image.name, image.data)] },
      files,
      ...change,
    }),
  );
}

const sound = (change: object = {}): RawEntry[] => [
  { name: 'bundle.json', data: manifest(change) },
  ...Object.entries(whole).map(([name, content]) => ({ name, data: content })),
  image,
];
const without = (name: string) => sound().filter((entry) => entry.name !== name);
const with_ = (entry: RawEntry) => [...without(entry.name), entry];
const listing = (path: string) => sound({ files: [listed(path, data('x'))] });

let count = 0;
async function unpacked(bytes: Buffer) {
  count += 1;
  const zip = join(place, `${count}.zip`);
  const dir = join(place, `${count}`);
  writeFileSync(zip, bytes);
  mkdirSync(dir);
  const told = await unpackBundle(zip, dir).then(
    () => 'unpacked',
    (error: unknown) => (error instanceof UsageError ? `${error.id} ${error.message.replace(zip, 'it')}` : error),
  );
  return { told, dir, zip };
}

describe('a bundle', () => {
  it('is unpacked where all files are as listed, for its owner alone', async () => {
    const { told, dir, zip } = await unpacked(rawZip(sound()));
    expect([told, isZip(zip)]).toEqual(['unpacked', true]);
    expect(readFileSync(join(dir, 'images/fox.png'), 'utf8')).toBe('fox');
    expect(readdirSync(dir).sort()).toEqual(['images', 'lora', 'plan.json', 'run.yaml']);
  });

  it('is unpacked in version 1 too, which called images pictures', async () => {
    const images = JSON.parse(manifest().toString()).images as object;
    const old = sound({ visiontrain_bundle: 1, images: undefined, pictures: images });
    expect((await unpacked(rawZip(old))).told).toBe('unpacked');
  });

  const bomb = Buffer.alloc(1 << 20);
  const harmful: readonly (readonly [string, Buffer | readonly RawEntry[], RegExp])[] = [
    ['leads out of it', with_({ name: '../evil' }), /^bundle\/(unsafe|damaged)/],
    ['leads out of it from within', with_({ name: 'images/../../evil' }), /^bundle\/(unsafe|damaged)/],
    ['is absolute', with_({ name: '/tmp/vt-evil' }), /^bundle\/(unsafe|damaged)/],
    ['has backslashes', with_({ name: 'images\\..\\evil' }), /^bundle\/(unsafe|damaged)/],
    ['has a drive', with_({ name: 'C:evil' }), /^bundle\/(unsafe|damaged)/],
    ['has a control character', with_({ name: 'images/a\u0000b' }), /^bundle\/(unsafe|damaged)/],
    ['lists a path that leads out', listing('../evil'), /^bundle\/damaged .* is no path inside/],
    ['is a link', with_({ name: 'images/fox.png', data: data('/etc/passwd'), mode: 0o120777 }), /unsafe .* link/],
    ['is a folder in disguise', with_({ name: 'images/fox.png', mode: 0o040755 }), /unsafe .* no plain file/],
    ['is a device', with_({ name: 'images/fox.png', mode: 0o020666 }), /unsafe .* no plain file/],
    ['is there twice', [...sound(), image], /unsafe .* is in it twice/],
    ['is compressed', with_({ name: 'images/fox.png', data: bomb, deflate: true }), /unsafe .* is compressed/],
    ['claims a terabyte', with_({ name: 'images/fox.png', claimed: 0xfffffff0 }), /unsafe .* larger than it is/],
    [
      'names the same bytes again and again',
      [...sound(), ...Array.from({ length: 50 }, (_, i) => ({ name: `x${i}`, at: 0, claimed: 900 }))],
      /unsafe .* larger than it is/,
    ],
    ['is encrypted', with_({ name: 'images/fox.png', data: data('fox'), flags: 0x801 }), /^bundle/],
    ['is not listed', [...sound(), { name: 'images/more.png' }], /unsafe .* not listed/],
    ['is listed and missing', without('images/fox.png'), /damaged .* not in it/],
    ['has another size', with_({ name: 'images/fox.png', data: data('fox!') }), /damaged .* another size/],
    ['has other bytes', with_({ name: 'images/fox.png', data: data('fix') }), /damaged .* other bytes/],
    ['lacks its list', without('bundle.json'), /damaged .* has no bundle\.json/],
    ['has a list that is no JSON', with_({ name: 'bundle.json', data: data('{') }), /damaged .* cannot be read/],
    ['is of another version', sound({ visiontrain_bundle: 3 }), /damaged .* visiontrain_bundle/],
    ['has a name that leads out', sound({ name: '../fox' }), /damaged .* name/],
    ['lacks its plan', sound({ files: [listed('run.yaml', whole['run.yaml'] ?? data(''))] }), /^bundle/],
    ['is cut short', rawZip(sound()).subarray(0, 900), /^bundle\/damaged/],
    ['is no zip', data('PK\u0003\u0004 and nothing else'), /^bundle\/damaged/],
  ];
  it.each(harmful)('that %s is refused', async (_what, made, expected) => {
    const { told } = await unpacked(Buffer.isBuffer(made) ? made : rawZip(made as readonly RawEntry[]));
    expect(told).toMatch(expected);
    expect([existsSync(join(place, 'evil')), existsSync('/tmp/vt-evil')]).toEqual([false, false]);
  });
});
