/**
 * Ends the process of a test file that hangs. Vitest's own time limits are timers of that process. When the process is
 * stuck in a loop, or waits for a child without a limit, its timers never run, and `npm test` would wait for ever.
 */
import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';

const LIMIT_MS = Number(process.env.VISIONTRAIN_TEST_HANG_MS ?? 900_000);

/**
 * Runs in a thread, which goes on when the process's own thread does not. The program is text, so it imports nothing.
 */
const watch = `
const { workerData } = require('node:worker_threads');
const beats = new Int32Array(workerData.beats);
let seen = -1;
setInterval(() => {
  const now = Atomics.load(beats, 0);
  if (now === seen) {
    require('node:fs').writeSync(2, workerData.words);
    process.kill(process.pid, 'SIGKILL');
  }
  seen = now;
}, workerData.limit);
`;

const beats = new Int32Array(new SharedArrayBuffer(4));
const seconds = Math.round(LIMIT_MS / 1000);
const words = `\n${expect.getState().testPath} did nothing for ${seconds} s: it hangs, and is ended.\n`;
new Worker(watch, { eval: true, workerData: { beats: beats.buffer, limit: LIMIT_MS, words } }).unref();
setInterval(() => Atomics.add(beats, 0, 1), LIMIT_MS / 10).unref();
