/**
 * Every fault × where it strikes × resumed or not × connections × how often. Each cell is one real transfer, judged by
 * the files and messages that it leaves.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VisiontrainError } from '../../src/base/errors.ts';
import { fetchFile } from '../../src/download/fetch-file.ts';
import { readJournal } from '../../src/download/file/journal.ts';
import { partNames } from '../../src/download/file/partials.ts';
import { downloadSettings } from '../../src/download/http/settings.ts';
import type { Source } from '../../src/download/http/source.ts';
import type { FileProgress } from '../../src/download/transfer/report.ts';
import { answerFaults, bodyFaults, type FaultKind, FaultServer, sampleFile } from './fault-server.ts';

export const faultKinds: readonly FaultKind[] = [...bodyFaults, ...answerFaults];
export const positions = ['start', 'middle', 'end'] as const;
/**
 * `once`: the server recovers after the fault. `forever`: the server does not recover. `mirror`: nor does it here, but
 * there is another server.
 */
export const modes = ['once', 'forever', 'mirror'] as const;

export interface Cell {
  readonly kind: FaultKind;
  readonly position: (typeof positions)[number];
  readonly mode: (typeof modes)[number];
  readonly resumed: boolean;
  readonly connections: number;
}

export interface CellResult {
  /** Whether the right file is there without any help. */
  readonly completed: boolean;
  /** Message of the documented error, when there was one. */
  readonly error: string | undefined;
  /** Violations of what must never happen; empty when everything is right. */
  readonly violations: string[];
  readonly milliseconds: number;
}

const SIZE = (8 << 20) + 4321;
const content = sampleFile(SIZE, 7);
const replacement = sampleFile(SIZE, 8);
const sha256 = createHash('sha256').update(content).digest('hex');
const TOKEN = 'hf_secretsecretsecret';

/**
 * Whether the right bytes can be had without a person. They cannot only for a permanent fault without a mirror, or a
 * wait of an hour.
 */
export function isRecoverable({ kind, mode }: Cell): boolean {
  if (mode === 'mirror') return true;
  // Whole bodies and new ETags do not hinder a download at all.
  if (mode === 'forever') return kind === 'ignore-range' || kind === 'new-etag';
  return kind !== '429-hour' && kind !== 'replaced';
}

export async function runCell(cell: Cell): Promise<CellResult> {
  const server = await new FaultServer(content).start();
  const mirror = await new FaultServer(content).start();
  const folder = mkdtempSync(join(tmpdir(), 'visiontrain-fault-'));
  const path = join(folder, 'model.safetensors');
  const seen: FileProgress[] = [];
  const started = performance.now();
  const fetchFrom = (sources: Source[], signal: AbortSignal, onProgress: (p: FileProgress) => void) =>
    fetchFile(
      { path, sha256, bytes: SIZE, sources, name: 'model' },
      {
        env: { TOKEN },
        settings: downloadSettings(
          {},
          {
            connections: { first: cell.connections, most: cell.connections },
            // The timeout is long enough that a busy machine is not taken for a silent server.
            stallTimeout: 1.5,
            backOffUnit: 0.01,
            longestWait: 10,
            tries: cell.mode === 'once' ? 8 : 3,
            reportEvery: 0,
          },
        ),
        signal,
        onProgress,
      },
    );
  const source = (server: FaultServer): Source => ({ kind: 'url', url: server.url, token_env: 'TOKEN' });
  try {
    if (cell.resumed)
      await leavePartial(server, (signal, onProgress) => fetchFrom([source(server)], signal, onProgress));
    server.replacement = replacement;
    const from = firstMissing(path);
    const at = { start: from, middle: Math.floor((from + SIZE) / 2), end: SIZE - 1000 }[cell.position];
    server.faults = [{ kind: cell.kind, at, times: cell.mode === 'once' ? 1 : Number.POSITIVE_INFINITY }];
    let error: unknown;
    try {
      const sources = cell.mode === 'mirror' ? [source(server), source(mirror)] : [source(server)];
      await fetchFrom(sources, AbortSignal.timeout(120_000), (progress) => seen.push(progress));
    } catch (caught) {
      error = caught;
    }
    return { ...judge(folder, path, error, seen), milliseconds: performance.now() - started };
  } finally {
    await server.stop();
    await mirror.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Leaves the files of a process that was stopped at about two fifths. */
async function leavePartial(
  server: FaultServer,
  fetch: (signal: AbortSignal, onProgress: (progress: FileProgress) => void) => Promise<unknown>,
): Promise<void> {
  const stop = new AbortController();
  server.limit = 20 << 20;
  await fetch(stop.signal, ({ done }) => {
    if (done > 0.3 * SIZE) stop.abort(new Error('stopped'));
  }).catch(() => {});
  server.limit = undefined;
  server.seen.length = 0;
}

/** Offset where the transfer will begin. */
function firstMissing(path: string): number {
  const { pieces } = readJournal(partNames(path).journal) ?? {};
  return (
    pieces?.nextMissing(
      () => false,
      () => false,
      1,
    )?.from ?? 0
  );
}

function judge(
  folder: string,
  path: string,
  error: unknown,
  seen: readonly FileProgress[],
): Omit<CellResult, 'milliseconds'> {
  const violations: string[] = [];
  const there = existsSync(path);
  const right = there && createHash('sha256').update(readFileSync(path)).digest('hex') === sha256;
  if (there && !right) violations.push('a wrong file under the final name');
  if (error === undefined && !right) violations.push('success without the file');
  if (error !== undefined && !(error instanceof VisiontrainError))
    violations.push(
      `no documented error: ${(error as Error).name} ${(error as Error).message} ${(error as Error).stack}`,
    );
  if (right && readdirSync(folder).length > 1) violations.push(`left over: ${readdirSync(folder).join(' ')}`);
  const said =
    JSON.stringify(seen) +
    (error instanceof VisiontrainError ? JSON.stringify([error.message, error.details, error.nextSteps]) : '');
  if (said.includes(TOKEN)) violations.push('the token is shown');
  let noted = false;
  seen.forEach((progress, i) => {
    const before = seen[i - 1];
    noted = progress.note !== undefined || (noted && before?.stage === progress.stage && before.done <= progress.done);
    if (
      before !== undefined &&
      before.stage === progress.stage &&
      progress.done < before.done &&
      !noted &&
      before.note === undefined
    )
      violations.push(`progress fell from ${before.done} to ${progress.done} in silence`);
  });
  return {
    completed: right && error === undefined,
    error: error instanceof Error ? error.message : undefined,
    violations,
  };
}

/** Runs a few cells at a time, because most of each is waiting. */
export async function runCells(
  cells: readonly Cell[],
  atOnce: number,
  onCell: (cell: Cell, result: CellResult) => void,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let cell = cells[next++]; cell !== undefined; cell = cells[next++]) onCell(cell, await runCell(cell));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** All cells of the matrix. */
export function allCells(): Cell[] {
  const cells: Cell[] = [];
  for (const kind of faultKinds)
    for (const position of positions)
      for (const mode of modes)
        for (const resumed of [false, true])
          for (const connections of [1, 4]) cells.push({ kind, position, mode, resumed, connections });
  return cells;
}

/**
 * A part of the matrix for every run of the tests: each fault in each mode, with the other choices spread over the
 * cells.
 */
export function someCells(): Cell[] {
  return faultKinds.flatMap((kind, k) =>
    modes.map(
      (mode, m): Cell => ({
        kind,
        mode,
        position: positions[(k + m) % 3] ?? 'middle',
        resumed: (k + m) % 2 === 0,
        connections: (k >> 1) % 2 === 0 ? 1 : 4,
      }),
    ),
  );
}
