/** Reads the numbers of a safetensors file once: are all finite, is a tensor only zeros, which hashes has the file? */
import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { openGiven } from '../../base/files/regular-file.ts';
import type { SafetensorsHeader, TensorFacts } from '../../registry/checkpoints/safetensors.ts';

/** Bytes of a number, by its type. */
export const WIDTHS_OF: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

export interface TensorNumbers {
  readonly name: string;
  /** How many of its numbers are NaN or infinite. */
  readonly bad: number;
  readonly zero: boolean;
}

export interface FileNumbers {
  readonly tensors: readonly TensorNumbers[];
  /** SHA-256 of the whole file, by which sites know it. */
  readonly sha256: string;
  /** SHA-256 of all behind the header (`sshs_model_hash`): it stays when the metadata is edited. */
  readonly payload: string;
}

const CHUNK = 8 << 20;

/** @throws the file system's own error */
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
    const tensors = [...header.tensors].map(([name, facts]) => ({ name, ...scan(file, header.start, facts) }));
    return { tensors, sha256: whole.digest('hex'), payload: payload.digest('hex') };
  } finally {
    closeSync(file);
  }
}

function scan(file: number, start: number, { dtype, offsets: [from, to] }: TensorFacts): Omit<TensorNumbers, 'name'> {
  const width = WIDTHS_OF[dtype] ?? 1;
  const isBad = BAD[dtype];
  let bad = 0;
  let zero = true;
  const buffer = Buffer.alloc(Math.max(1, Math.min(CHUNK, to - from)));
  for (let at = from; at < to; ) {
    const count = readSync(file, buffer, 0, Math.min(buffer.length, to - at), start + at);
    if (count === 0) break;
    for (let i = 0; i + width <= count; i += width) {
      // The highest byte of a number stands last.
      const high = buffer[i + width - 1] ?? 0;
      if (zero && ((high & 0x7f) !== 0 || !allZero(buffer, i, i + width - 1))) zero = false;
      if (isBad?.(high, buffer[i + width - 2] ?? 0) === true) bad += 1;
    }
    at += count;
  }
  return { bad, zero };
}

function allZero(buffer: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i += 1) if (buffer[i] !== 0) return false;
  return true;
}

/** Whether a number is NaN or infinite, from its two highest bytes. */
const BAD: Readonly<Record<string, (high: number, next: number) => boolean>> = {
  F64: (high, next) => (high & 0x7f) === 0x7f && (next & 0xf0) === 0xf0,
  F32: (high, next) => (high & 0x7f) === 0x7f && (next & 0x80) === 0x80,
  BF16: (high, next) => (high & 0x7f) === 0x7f && (next & 0x80) === 0x80,
  F16: (high) => (high & 0x7c) === 0x7c,
  F8_E5M2: (high) => (high & 0x7c) === 0x7c,
  F8_E4M3: (high) => (high & 0x7f) === 0x7f,
};

/** The number of a tensor that holds one; null where it holds another count, or is of a type without fractions. */
export function readScalar(path: string, start: number, { dtype, offsets: [from, to] }: TensorFacts): number | null {
  if (to - from > 8) return null;
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
