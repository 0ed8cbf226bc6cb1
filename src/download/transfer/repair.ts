/**
 * Repairs a file whose pieces all agree with their CRC-32 although its SHA-256 is wrong: a second download shows the
 * bad pieces.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PIECE } from '../file/pieces.ts';
import { Fault, nextTry } from '../http/fault.ts';
import type { Address } from '../http/sources.ts';
import { Connection, type ConnectionJob, Superseded } from './connection.ts';
import type { FileReporter } from './report.ts';
import type { SourceJob } from './source-job.ts';

/**
 * Streams the file again from the first of `addresses` that serves it (if possible not the one it came from). Pieces
 * that agree are kept and others replaced, until the hash is right.
 * @returns whether the hash is right now
 */
export async function repair(job: SourceJob, addresses: readonly Address[], report: FileReporter): Promise<boolean> {
  for (const address of addresses) {
    report.note(`the SHA-256 is wrong; comparing with ${address.label}, megabyte by megabyte`);
    report.stage('verifying', 0, job.partialFile.pieces.size);
    report.source(address.label);
    try {
      return await compare(job, address, report);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      report.note(`${error.message}`);
    }
  }
  return false;
}

async function compare(job: SourceJob, address: Address, report: FileReporter): Promise<boolean> {
  const { partialFile, settings, signal } = job;
  const enough = new AbortController();
  const connectionJob: ConnectionJob = {
    ...job,
    source: { address, resolved: undefined, etag: undefined, ranges: true },
    partial: new Map(),
    signal: AbortSignal.any([signal, enough.signal]),
    received: (bytes) => {
      report.bytes(bytes, bytes);
      return job.throttle?.take(bytes, performance.now() / 1000) ?? 0;
    },
    note: (text) => report.note(text),
    takeWhole: () => true,
  };
  const seen = partialFile.replaced.length;
  let right = false;
  let ended = false;
  const judge = (async () => {
    let judged = seen;
    while (!ended || judged < partialFile.replaced.length) {
      if (judged === partialFile.replaced.length) await sleep(50);
      else {
        judged = partialFile.replaced.length;
        await partialFile.hashed(() => {});
        right = (await partialFile.digest()) === job.sha256;
        if (right) return enough.abort(new Superseded('the hash is right'));
      }
    }
  })();
  try {
    for (let from = 0, failures = 0; from < partialFile.pieces.size && !right; ) {
      const connection = new Connection(connectionJob, { from, to: partialFile.pieces.size });
      try {
        await connection.run();
        break;
      } catch (error) {
        if (error instanceof Superseded && right) break;
        if (!(error instanceof Fault)) throw error;
        const reached = Math.floor(connection.position / PIECE) * PIECE;
        failures = reached > from ? 1 : failures + 1;
        from = Math.max(from, reached);
        if (error.kind === 'expired') connectionJob.source.resolved = undefined;
        const wait = nextTry(error, { ofKind: failures, inAll: failures, proven: from > 0 }, settings);
        if (wait === undefined) throw error;
        await sleep(wait * 1000, undefined, { signal });
      }
    }
  } finally {
    ended = true;
    await judge;
  }
  const bad = partialFile.replaced.slice(seen).map((piece) => piece + 1);
  if (right) report.note(`megabyte ${bad.join(', ')} was wrong and has been replaced`);
  return right;
}
