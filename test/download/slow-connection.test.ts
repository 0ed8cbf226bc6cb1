import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchFile } from '../../src/download/fetch-file.ts';
import { downloadSettings } from '../../src/download/http/settings.ts';
import { FaultServer, sampleFile } from '../helpers/fault-server.ts';

const content = sampleFile(12 << 20, 9);
const sha256 = createHash('sha256').update(content).digest('hex');
let server: FaultServer;
afterEach(() => server.stop());

/** Downloads over up to `most` connections. At 2 kB/s, one connection alone would take 15 minutes for its part. */
async function get(first: number, most: number): Promise<void> {
  const path = join(mkdtempSync(join(tmpdir(), 'vt-slow-')), 'model.safetensors');
  const outcome = await fetchFile(
    { path, sha256, bytes: content.length, sources: [{ kind: 'url', url: server.url }], name: 'model' },
    {
      env: {},
      settings: downloadSettings({}, { connections: { first, most } }),
      signal: AbortSignal.timeout(45_000),
      onProgress: () => {},
    },
  );
  expect(outcome).toBe('downloaded');
  expect(readFileSync(path).equals(content)).toBe(true);
}

describe('a connection that trickles for ever', () => {
  it.each([
    [0, 1],
    [1, 1],
    [2, 4],
  ])('as number %i of a download that begins with %i is closed, and the others fetch its part', async (ill, first) => {
    server = await new FaultServer(content).start();
    server.limit = 2 << 20;
    server.limits.set(ill, 2000);
    await get(first, 4);
    expect(server.connections[ill]?.closed).toBe(true);
    expect(server.connections[ill]?.bytes).toBeLessThan(64 << 10);
  });

  it('is none when connections serve one request after another', async () => {
    server = await new FaultServer(content).start();
    server.limit = 2 << 20;
    await get(4, 4);
    expect(server.seen.length).toBeGreaterThan(4);
    expect(server.connections.length).toBeLessThan(server.seen.length);
  });
});
