import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { entryStream, withZip, zipEntries } from '../../../src/engine/brought/open-zip.ts';
import { rawZip } from '../../helpers/raw-zip.ts';

it('an error of an entry that comes before anybody reads waits for the reader', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'visiontrain-zip-')), 'a.zip');
  writeFileSync(path, rawZip([{ name: 'a.png', data: Buffer.alloc(1 << 20), deflate: true, claimed: 100 }]));
  const told = (_path: string, why: string) => new Error(why);
  await withZip(path, { damaged: told, unsafe: told }, async (zip) => {
    for await (const entry of zipEntries(zip, path, { damaged: told, unsafe: told })) {
      const stream = await entryStream(zip, entry);
      // The stream reads ahead, finds more than the 100 bytes that the entry claims, and fails.
      if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
      const read = async () => {
        for await (const _ of stream);
      };
      await expect(read()).rejects.toThrow('too many bytes');
    }
  });
});
