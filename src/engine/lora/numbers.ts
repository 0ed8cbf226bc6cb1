/** Reads the numbers of a safetensors file once, to find NaN and infinity, tensors of zeros, and the file's hashes. */

import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { openGiven } from '../../base/files/regular-file.ts';
import { WIDTHS_OF } from '../../registry/checkpoints/lora-damage.ts';
import type { SafetensorsHeader, TensorFacts } from '../../registry/checkpoints/safetensors.ts';

export interface TensorNumbers {
  readonly name: string;
  /** Count of numbers that are NaN or infinite. */
  readonly bad: number;
  readonly zero: boolean;
}

export interface FileNumbers {
  readonly tensors: readonly TensorNumbers[];
  /** SHA-256 of the whole file, by which websites identify it. */
  readonly sha256: string;
  /** SHA-256 of everything behind the header (`sshs_model_hash`): it stays the same when the metadata is edited. */
  readonly payload: string;
}

/** Bytes that are read at a time: a multiple of every width. */
const CHUNK = 8 << 20;

/**
 * Reads all numbers.
 * @throws the file system's own error
 */
export function readNumbers(path: string, header: SafetensorsHeader): FileNumbers {
  const file = openGiven(path);
  try {
    const [whole, payload] = [createHash('sha256'), createHash('sha256')];
    const buffer = Buffer.alloc(CHUNK);
    for (let at = 0; at < header.bytes; ) {
      const count = readSync(file, buffer, 0, CHUNK, at);
      if (count === 0) break;
      whole.update(buffer.subarray(0, count));
      const from = Math.max(0, header.start - at);
      if (from < count) payload.update(buffer.subarray(from, count));
      at += count;
    }
    // One buffer serves all tensors: allocating one for each would take most of the time for small tensors.
    const tensors = [...header.tensors].map(([name, facts]) => ({
      name,
      ...scan({ file, buffer, start: header.start }, facts),
    }));
    return { tensors, sha256: whole.digest('hex'), payload: payload.digest('hex') };
  } finally {
    closeSync(file);
  }
}

interface Reader {
  readonly file: number;
  readonly buffer: Buffer;
  readonly start: number;
}

function scan(
  { file, buffer, start }: Reader,
  { dtype, offsets: [from, to] }: TensorFacts,
): Omit<TensorNumbers, 'name'> {
  const width = WIDTHS_OF[dtype] ?? 1;
  let bad = 0;
  let zero = true;
  for (let at = from; at < to; ) {
    let count = 0;
    for (const wanted = Math.min(CHUNK, to - at); count < wanted; ) {
      const got = readSync(file, buffer, count, wanted - count, start + at + count);
      if (got === 0) break;
      count += got;
    }
    if (count < width) break;
    const words = wordsOf(buffer, width, Math.floor(count / width));
    if (zero) zero = isZero(words, width);
    const exponent = EXPONENTS[dtype];
    if (exponent !== undefined) bad += countBad(words, width, exponent);
    at += count;
  }
  return { bad, zero };
}

type Words = Uint8Array | Uint16Array | Uint32Array;

/** The numbers as words of their width; a number of 8 bytes as two words, the higher one second. */
function wordsOf({ buffer, byteOffset }: Buffer, width: number, count: number): Words {
  if (width === 1) return new Uint8Array(buffer, byteOffset, count);
  if (width === 2) return new Uint16Array(buffer, byteOffset, count);
  return new Uint32Array(buffer, byteOffset, width === 8 ? count * 2 : count);
}

/** Whether all numbers are zero. Only the sign bit may be set. */
function isZero(words: Words, width: number): boolean {
  const mask = width === 1 ? 0x7f : width === 2 ? 0x7fff : 0x7fffffff;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? 0;
    // The lower half of a number of 8 bytes has no sign bit.
    if ((width === 8 && i % 2 === 0 ? word : word & mask) !== 0) return false;
  }
  return true;
}

/** Counts numbers with all exponent bits set, which are NaN or infinite. */
function countBad(words: Words, width: number, exponent: number): number {
  let bad = 0;
  const [first, step] = width === 8 ? [1, 2] : [0, 1];
  for (let i = first; i < words.length; i += step) if (((words[i] ?? 0) & exponent) === exponent) bad += 1;
  return bad;
}

/** The exponent bits in the highest word of a number. Only NaN and infinity have all of them set. */
const EXPONENTS: Readonly<Record<string, number>> = {
  F64: 0x7ff00000,
  F32: 0x7f800000,
  BF16: 0x7f80,
  F16: 0x7c00,
  F8_E5M2: 0x7c,
  F8_E4M3: 0x7f,
};

/** The value of a tensor with one number; null when it has another count, or a type without fractions. */
export function readScalar(path: string, start: number, { dtype, offsets: [from, to] }: TensorFacts): number | null {
  if (to < from || to - from > 8) return null;
  const file = openGiven(path);
  try {
    const bytes = Buffer.alloc(8);
    readSync(file, bytes, 0, to - from, start + from);
    if (dtype === 'F32' && to - from === 4) return bytes.readFloatLE(0);
    if (dtype === 'F64' && to - from === 8) return bytes.readDoubleLE(0);
    if (dtype === 'I64' && to - from === 8) return Number(bytes.readBigInt64LE(0));
    if (dtype === 'BF16' && to - from === 2) {
      bytes.writeUInt32LE(bytes.readUInt16LE(0) * 0x10000, 4);
      return bytes.readFloatLE(4);
    }
    if (dtype === 'F16' && to - from === 2) return half(bytes.readUInt16LE(0));
    return null;
  } finally {
    closeSync(file);
  }
}

/** A half-precision number (IEEE 754 binary16). */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
