/**
 * Moves a queue on until it is empty: `node queue-worker.ts RUNS`. It claims each run as a supervisor does and ends it
 * at once, so that a hundred runs take seconds.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { claim } from '../../src/base/process/claim.ts';
import { advanceQueue } from '../../src/engine/queue/advance.ts';
import { queueEntries } from '../../src/engine/queue/entries.ts';

const runs = process.argv[2] ?? '';
while (queueEntries(runs).length > 0) {
  await advanceQueue(runs, async ({ dir }) => {
    const held = claim(join(dir, 'attempts'));
    if (!('claim' in held)) throw new Error('is already running');
    await sleep(2);
    const exit = { status: 'finished', code: 0, reason: 'finished', step: 1, outputs: [], details: [], next_steps: [] };
    writeFileSync(join(dir, 'exit.json'), JSON.stringify(exit));
    held.claim.end();
  });
}
