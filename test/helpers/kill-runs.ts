/**
 * Downloads with the real command line, whose process is killed with SIGKILL again and again, and measures the bytes
 * that this costs.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJournal } from '../../src/download/file/journal.ts';
import { partNames } from '../../src/download/file/partials.ts';
import { PIECE, type PieceMap } from '../../src/download/file/pieces.ts';
import type { FaultServer } from './fault-server.ts';

export interface KillRun {
  readonly connections: number;
  /** Shares of the file after which the process is killed, in ascending order. The last start runs to the end. */
  readonly killAt: readonly number[];
}

export interface KillResult {
  /** Number of kills that met a living process. */
  readonly kills: number;
  /** Bytes the server sent ÷ size of the file. */
  readonly servedRatio: number;
  readonly lostPerKill: number;
  readonly violations: string[];
}

const bin = join(import.meta.dirname, '..', '..', 'bin', 'visiontrain');

/** @param root the package whose bin/ is run, when this file has been bundled to another place */
export async function killRun(server: FaultServer, run: KillRun, root?: string): Promise<KillResult> {
  const size = server.content.length;
  const sha256 = createHash('sha256').update(server.content).digest('hex');
  const home = mkdtempSync(join(tmpdir(), 'visiontrain-kill-'));
  const path = join(home, 'out', 'model.safetensors');
  const violations: string[] = [];
  server.served = 0;
  server.seen.length = 0;
  let kills = 0;
  /** The pieces on disk at each kill, and the number of requests so far. */
  const proven: { pieces: PieceMap; requests: number }[] = [];
  const start = () =>
    spawn(
      process.execPath,
      [
        root === undefined ? bin : join(root, 'bin', 'visiontrain'),
        ...['models', 'pull', server.url, '--sha256', sha256, '--size', String(size), '-o', path],
        ...['--connections', String(run.connections), '--json'],
      ],
      {
        env: { ...process.env, VISIONTRAIN_HOME: home, VISIONTRAIN_BACK_OFF: '0.05' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
  const checkName = () => {
    if (
      existsSync(path) &&
      (statSync(path).size !== size || createHash('sha256').update(readFileSync(path)).digest('hex') !== sha256)
    )
      violations.push('a wrong file under the final name');
  };
  try {
    for (const share of run.killAt) {
      const child = start();
      const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
      let over = false;
      void ended.then(() => {
        over = true;
      });
      // The server's count decides, so that the kill is random within the file and not within the start-up of Node.
      while (!over && server.served < share * size) await sleep(1);
      if (!over) kills += 1;
      child.kill('SIGKILL');
      await ended;
      checkName();
      const pieces = readJournal(partNames(path).journal)?.pieces;
      if (pieces !== undefined) proven.push({ pieces, requests: server.seen.length });
    }
    const child = start();
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
    });
    child.stderr.resume();
    const timer = setTimeout(() => child.kill('SIGKILL'), 200_000);
    const code = await new Promise((resolve) => child.on('close', resolve));
    clearTimeout(timer);
    if (code !== 0) violations.push(`the last start ended with ${String(code)}: ${output}`);
    if (!existsSync(path)) violations.push('no file');
    checkName();
    for (const { pieces, requests } of proven)
      for (const { range } of server.seen.slice(requests))
        if (askedAgain(range, pieces)) violations.push(`${range} asks again for what was proven`);
    const left = readdirSync(join(home, 'out'));
    if (left.length > 1) violations.push(`left over: ${left.join(' ')}`);
    return {
      kills,
      servedRatio: server.served / size,
      lostPerKill: kills === 0 ? 0 : Math.max(0, server.served - size) / kills,
      violations,
    };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function askedAgain(range: string | undefined, pieces: PieceMap): boolean {
  const [, from, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
  if (from === undefined || last === undefined) return true;
  for (let piece = Math.floor(Number(from) / PIECE); piece * PIECE <= Number(last); piece += 1)
    if (pieces.isDone(piece)) return true;
  return false;
}
