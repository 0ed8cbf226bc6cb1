// Measures one ill connection among good ones: `node bench/download-slow.mjs [MB] [rounds]`. A server gives each
// connection 10 MB/s, except for the named ones, which get 2 kB/s as long as they live. Each round fetches the file
// with no ill connection, with one (the first, second, third or fourth that is opened) and with two, in turn. Printed
// are medians, their ratio to the round without, and the bytes that an ill connection brought before it was closed.
// Bar: no case takes over 5 s longer.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadTs } from './lib/load-ts.mjs';

const { FaultServer, sampleFile } = await loadTs('test/helpers/fault-server.ts');
const { fetchFile } = await loadTs('src/download/fetch-file.ts');
const { downloadSettings } = await loadTs('src/download/http/settings.ts');
const megabytes = Number(process.argv[2] ?? 200);
const rounds = Number(process.argv[3] ?? 3);
const content = sampleFile(megabytes * 1e6, 3);
const sha256 = createHash('sha256').update(content).digest('hex');
const cases = [[], [0], [1], [2], [3], [0, 2]];
const results = new Map(cases.map((ill) => [ill, []]));

for (let round = 0; round < rounds; round += 1)
  for (const ill of cases) {
    const server = await new FaultServer(content).start();
    server.limit = 10e6;
    for (const number of ill) server.limits.set(number, 2000);
    const folder = mkdtempSync(join(tmpdir(), 'vt-bench-slow-'));
    const started = performance.now();
    await fetchFile(
      {
        path: join(folder, 'm.safetensors'),
        sha256,
        bytes: content.length,
        sources: [{ kind: 'url', url: server.url }],
        name: 'm',
      },
      { env: {}, settings: downloadSettings({}), signal: AbortSignal.timeout(600_000), onProgress: () => {} },
    );
    results.get(ill).push({
      seconds: (performance.now() - started) / 1000,
      bytes: Math.max(0, ...ill.map((number) => server.connections[number]?.bytes ?? 0)),
    });
    await server.stop();
    rmSync(folder, { recursive: true });
  }

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const base = median(results.get(cases[0]).map(({ seconds }) => seconds));
console.log(`Node ${process.versions.node}; ${megabytes} MB, ${rounds} rounds, medians`);
console.log('ill connections   seconds   ratio   bytes over an ill one');
let missed = false;
for (const [ill, values] of results) {
  const seconds = median(values.map((value) => value.seconds));
  missed ||= seconds > base + 5;
  console.log(
    (ill.length === 0 ? 'none' : ill.map((number) => `number ${number + 1}`).join(', ')).padEnd(20),
    seconds.toFixed(2).padStart(5),
    (seconds / base).toFixed(2).padStart(7),
    String(Math.max(...values.map(({ bytes }) => bytes))).padStart(23),
  );
}
console.log(missed ? 'MISSED  over 5 s longer' : 'held    at most 5 s longer');
process.exitCode = missed ? 1 : 0;
