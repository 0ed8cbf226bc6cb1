import { expect, test } from 'vitest';
import { FaultServer, sampleFile } from '../helpers/fault-server.ts';
import { killRun } from '../helpers/kill-runs.ts';

// How many bytes a kill costs depends on how busy the machine is; bench/download-faults measures that. This test holds
// under any load: the bytes are right, and no megabyte that was on disk at a kill is requested again.
test.each([1, 4])(
  'kill -9 at %i connections: goes on where it was',
  async (connections) => {
    const server = await new FaultServer(sampleFile((24 << 20) + 99)).start();
    server.limit = (16 << 20) / connections;
    const result = await killRun(server, { connections, killAt: [0.3, 0.6, 0.9] });
    await server.stop();
    expect(result.violations).toEqual([]);
    expect(result.kills).toBeGreaterThan(1);
  },
  600_000,
);
