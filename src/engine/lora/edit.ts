/** Writes a LoRA file with other metadata: the weights are copied byte by byte. */

import { createHash } from 'node:crypto';
import { closeSync, constants, fsyncSync, linkSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sha256OfText } from '../../base/files/hash.ts';
import { openGiven } from '../../base/files/regular-file.ts';
import { readSafetensorsHeader } from '../../registry/checkpoints/safetensors.ts';

/** Metadata to set, by key; null removes a key. */
export type MetadataChange = Readonly<Record<string, string | null>>;

export interface EditedLora {
  readonly bytes: number;
  readonly sha256: string;
}

const CHUNK = 8 << 20;

/**
 * Writes `to` from `from` whole or not at all. With `replace` an existing `to`, which may be `from` itself, is
 * replaced.
 * @throws UsageError when `from` is no safetensors file; the file system's own error, EEXIST when `to` exists
 */
export function editLora(from: string, to: string, change: MetadataChange, replace: boolean): EditedLora {
  const { tensors, metadata, start, bytes } = readSafetensorsHeader(from);
  const kept = Object.entries({ ...metadata, ...change }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  kept.sort(([a], [b]) => (a < b ? -1 : 1));
  const described = [...tensors].map(([name, { dtype, shape, offsets }]) => [
    name,
    { dtype, shape, data_offsets: offsets },
  ]);
  const json = JSON.stringify({ __metadata__: Object.fromEntries(kept), ...Object.fromEntries(described) });
  // The format requires the payload to begin at a multiple of eight bytes.
  const text = Buffer.from(json);
  const header = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  text.copy(header, 8);
  const temporary = join(dirname(to), `.${sha256OfText(to).slice(0, 12)}.${process.pid}.tmp`);
  try {
    const sha256 = copyBehind(from, start, temporary, header);
    if (replace) renameSync(temporary, to);
    else {
      // A hard link fails when the name is taken, and so never replaces a file.
      linkSync(temporary, to);
      rmSync(temporary);
    }
    return { bytes: header.length + bytes - start, sha256 };
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Writes the header, followed by the bytes of `from` after `start`; returns the SHA-256 of the result. */
function copyBehind(from: string, start: number, to: string, header: Buffer): string {
  const hash = createHash('sha256').update(header);
  const source = openGiven(from);
  try {
    const target = openSync(
      to,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o644,
    );
    try {
      writeAll(target, header);
      const buffer = Buffer.alloc(CHUNK);
      for (let at = start; ; ) {
        const count = readSync(source, buffer, 0, CHUNK, at);
        if (count === 0) break;
        hash.update(buffer.subarray(0, count));
        writeAll(target, buffer.subarray(0, count));
        at += count;
      }
      fsyncSync(target);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
  return hash.digest('hex');
}

function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
