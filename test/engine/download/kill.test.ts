import { expect, test } from 'vitest';
import { FaultServer, sampleFile } from '../../helpers/fault-server.ts';
import { killRun } from '../../helpers/kill-runs.ts';

test.each([
  // Far above what bench/download-faults holds: a loaded machine reads late.
  [1, 6 << 20],
  [4, 12 << 20],
])('kill -9 at %i connections: resumes to the right bytes and loses a small part', async (connections, most) => {
  const server = await new FaultServer(sampleFile((24 << 20) + 99)).start();
  server.limit = (20 << 20) / connections;
  const result = await killRun(server, { connections, killAt: [0.13, 0.52, 0.81] });
  await server.stop();
  expect(result.violations).toEqual([]);
  expect(result.kills).toBeGreaterThan(1);
  expect(result.lostPerKill).toBeLessThanOrEqual(most);
});
