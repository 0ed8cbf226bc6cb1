import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, it } from 'vitest';
import { TailHash } from '../../../src/download/file/hash-thread.ts';
import { sampleFile } from '../../helpers/fault-server.ts';

const PIECE = 1 << 20;
const content = sampleFile(3 * PIECE);
const path = join(mkdtempSync(join(tmpdir(), 'vt-hash-')), 'file');
writeFileSync(path, content);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const task = (piece: number, crc?: number) => ({ piece, position: piece * PIECE, length: PIECE, crc });

it('answers every caller, even when one gives up meanwhile', async () => {
  const file = openSync(path, 'r');
  const hash = new TailHash(
    file,
    () => {},
    () => {},
  );
  hash.add(task(0));
  const early = hash.digest();
  hash.add(task(1));
  const later = hash.digest();
  const dropped = hash.drop();
  expect(await early).toBe(sha256(content.subarray(0, PIECE)));
  expect(await later).toBe(sha256(content.subarray(0, 2 * PIECE)));
  await dropped;
  closeSync(file);
});

it('stops at a piece that does not match its CRC-32 until that piece is asked for again', async () => {
  const file = openSync(path, 'r');
  const seen: [number, boolean][] = [];
  const hash = new TailHash(
    file,
    (piece, good) => seen.push([piece, good]),
    () => {},
  );
  hash.add(task(0, crc32(content.subarray(0, PIECE))));
  hash.add(task(1, 12345));
  hash.add(task(2));
  await hash.digest();
  expect(seen).toEqual([
    [0, true],
    [1, false],
  ]);
  hash.add(task(1));
  hash.add(task(2));
  expect(await hash.digest()).toBe(sha256(content));
  await hash.drop();
  closeSync(file);
});

it('passes on errors of the disk', async () => {
  const errors: NodeJS.ErrnoException[] = [];
  const hash = new TailHash(
    987_654,
    () => {},
    (error) => errors.push(error),
  );
  hash.add(task(0));
  await hash.drop();
  expect(errors[0]?.code).toBe('EBADF');
});
