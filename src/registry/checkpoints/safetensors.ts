/** Reads the header of a safetensors file: names, shapes and metadata, never a weight, never code. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { UsageError } from '../../base/errors.ts';
import { openGiven } from '../../base/files/regular-file.ts';
import { SAFETENSORS_HEADER_MOST } from '../../base/files/safetensors-limit.ts';
import { formatBytes } from '../../base/text.ts';

export interface TensorFacts {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Where the tensor's bytes begin and end, counted from the end of the header. */
  readonly offsets: readonly [number, number];
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorFacts>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Position in the file at which the bytes of the tensors begin. */
  readonly start: number;
  /** Size of the whole file in bytes. */
  readonly bytes: number;
}

/**
 * Reads names, shapes, types and metadata.
 * @throws {UsageError} when the file is no safetensors file: a pickle, a web page, a Git LFS pointer, cut short,
 * damaged
 * @throws the file system's own error when it cannot be opened
 */
export function readSafetensorsHeader(path: string): SafetensorsHeader {
  const file = openGiven(path);
  try {
    const stat = fstatSync(file);
    const start = read(file, 0, Math.min(stat.size, 512));
    const foreign = foreignFormat(start, stat.size);
    if (foreign !== undefined)
      throw new UsageError(`${path} ${foreign.is}`, { id: 'model/not-safetensors', nextSteps: foreign.cure });
    const length = Number(start.readBigUInt64LE(0));
    if (length > SAFETENSORS_HEADER_MOST || start[8] !== 0x7b) throw notSafetensors(path);
    if (8 + length > stat.size) throw cutShort(path, stat.size, 8 + length);
    const { tensors, metadata, end } = parseHeader(path, read(file, 8, length));
    const needed = 8 + length + end;
    if (needed > stat.size) throw cutShort(path, stat.size, needed);
    return { tensors, metadata, start: 8 + length, bytes: stat.size };
  } finally {
    closeSync(file);
  }
}

function parseHeader(path: string, bytes: Buffer) {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw notSafetensors(path);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw notSafetensors(path);
  const tensors = new Map<string, TensorFacts>();
  let metadata: Record<string, string> = {};
  let end = 0;
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') {
      if (typeof value === 'object' && value !== null)
        metadata = Object.fromEntries(
          Object.entries(value).flatMap(([k, v]) => (typeof v === 'string' ? [[k, v]] : [])),
        );
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
    if (typeof dtype !== 'string' || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2)
      throw notSafetensors(path);
    tensors.set(name, { dtype, shape, offsets: [offsets[0] ?? 0, offsets[1] ?? 0] });
    end = Math.max(end, offsets[1] ?? 0);
  }
  return { tensors, metadata, end };
}

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

/** Recognises files of other formats with the ending `.safetensors`, and says what to do about each. */
function foreignFormat(start: Buffer, size: number): { is: string; cure: string[] } | undefined {
  if (size < 10) return { is: `is ${size === 0 ? 'empty' : 'only a few bytes long'}.`, cure: ['Download it again.'] };
  const head = start.toString('latin1');
  const pickle = {
    is: 'is a pickle file (.ckpt, .pt, .bin), which can run code when opened; it is not opened here.',
    cure: ['Use the .safetensors version of the model.'],
  };
  // Pickle protocols 2 to 5, or torch's zip archive of a pickle.
  if (start[0] === 0x80 && (start[1] ?? 0) >= 2 && (start[1] ?? 0) <= 5 && start[8] !== 0x7b) return pickle;
  if (head.startsWith('PK\u0003\u0004')) return pickle;
  if (head.startsWith('version https://git-lfs'))
    return {
      is: 'is a Git LFS pointer, not the model itself.',
      cure: ['Fetch the real file: git lfs pull, or download it with visiontrain models pull.'],
    };
  if (/^\s*(<!doctype|<html|<\?xml)/iu.test(head))
    return {
      is: 'is a web page, not a model: the site answered a download with a page (log-in or licence).',
      cure: ['Download it again, logged in, or with a token.'],
    };
  if (head.startsWith('GGUF')) return { is: 'is a GGUF file (quantised); training needs .safetensors.', cure: [] };
  return undefined;
}

const notSafetensors = (path: string) =>
  new UsageError(`${path} is not a safetensors file: its header cannot be read.`, {
    id: 'model/not-safetensors',
    nextSteps: ['Check where it came from, or download it again.'],
  });

const cutShort = (path: string, has: number, needs: number) =>
  new UsageError(`${path} is cut short: ${formatBytes(has)} of ${formatBytes(needs)}.`, {
    id: 'model/not-safetensors',
    nextSteps: ['Download it again.'],
  });

function read(file: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(file, buffer, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}

/**
 * The value of a tensor with one number; undefined when it has more, or a type in which single numbers are never
 * stored.
 */
export function readOneNumber(path: string, header: SafetensorsHeader, name: string): number | undefined {
  const { dtype = '', offsets = [0, 0], shape = [] } = header.tensors.get(name) ?? {};
  const bytes = offsets[1] - offsets[0];
  if (bytes < 0 || bytes > 8 || shape.some((side) => side !== 1)) return undefined;
  const file = openGiven(path);
  try {
    const data = read(file, header.start + offsets[0], bytes);
    if (dtype === 'F32') return data.readFloatLE(0);
    if (dtype === 'F64') return data.readDoubleLE(0);
    if (dtype === 'BF16') return Buffer.from([0, 0, data[0] ?? 0, data[1] ?? 0]).readFloatLE(0);
    if (dtype === 'F16') return halfOf(data.readUInt16LE(0));
    return dtype === 'I64' ? Number(data.readBigInt64LE(0)) : undefined;
  } finally {
    closeSync(file);
  }
}

/** The value of a half-precision number, given as its 16 bits. */
function halfOf(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return Number.NaN;
  return exponent === 0 ? sign * 2 ** -24 * fraction : sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}
