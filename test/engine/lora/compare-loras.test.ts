import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareLoras } from '../../../src/engine/lora/compare-loras.ts';

const dir = mkdtempSync(join(tmpdir(), 'visiontrain-loras-'));
let files = 0;

function lora(metadata: Record<string, string>, weights: string, name = 'a.lora_up.weight'): string {
  const data = Buffer.from(weights, 'hex');
  const tensor = { dtype: 'F16', shape: [data.length / 2], data_offsets: [0, data.length] };
  const header = Buffer.from(JSON.stringify({ __metadata__: metadata, [name]: tensor }));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  files += 1;
  const path = join(dir, `${files}.safetensors`);
  writeFileSync(path, Buffer.concat([size, header, data]));
  return path;
}

describe('compareLoras', () => {
  const first = lora({ kept: '1', gone: 'x', changed: '1' }, '01020304');

  it('finds equal weights under other metadata, and names what differs in it', async () => {
    const second = lora({ kept: '1', changed: '22', added: 'a longer text' }, '01020304');
    expect(await compareLoras(first, second)).toEqual({ sameWeights: true, metadata: ['added', 'changed', 'gone'] });
  });

  it.each([
    ['one number', lora({}, '01020305')],
    ['a name', lora({}, '01020304', 'b.lora_up.weight')],
    ['the count of numbers', lora({}, '010203040506')],
  ])('tells weights apart that differ in %s', async (_what, second) => {
    expect(await compareLoras(first, second)).toMatchObject({ sameWeights: false });
  });
});
