import { sep } from 'node:path';
import { ConfigError, EnvironmentError, EXIT, type Problem, VisiontrainError } from '../../base/errors.ts';
import { diskCure, diskProblem } from '../../base/files/fs-errors.ts';
import { packageVersion } from '../../base/package-root.ts';
import { programProblem } from '../../base/program-files.ts';
import { columns, width } from '../../terminal/columns.ts';
import { stepLines } from '../../terminal/next-steps.ts';
import type { Output } from './output.ts';

export interface ReportOptions {
  readonly json: boolean;
  readonly debug: boolean;
  /** Folders of ours, which VISIONTRAIN_HOME moves. */
  readonly own?: readonly string[];
}

/** Prints what went wrong to stderr and returns the exit code. With `json` it prints one JSON document to stdout. */
export function reportError(error: unknown, out: Output, { json, debug, own = [] }: ReportOptions): number {
  const known = error instanceof VisiontrainError ? error : (systemError(error, own) ?? programProblem(error));
  const code = known?.exitCode ?? EXIT.bug;
  if (json) {
    out.json({ error: errorDocument(known ?? error, code) });
    return code;
  }
  if (code === EXIT.cancelled || code === EXIT.terminated) {
    if (known?.message) out.talk(known.message);
    return code;
  }
  if (known === undefined) {
    out.wrapped(`✖ visiontrain ${packageVersion()} hit a bug: ${String((error as Error)?.message ?? error)}`);
    if (debug) stack(error, out);
    else
      out.wrapped('  Run it again with --debug, and report what it prints; `visiontrain doctor --bundle` adds facts.');
    return code;
  }
  out.wrapped(`✖ ${known.message}`);
  const cells = (out.talkWidth ?? Number.POSITIVE_INFINITY) - INDENT - 1;
  if (known instanceof ConfigError) for (const line of problemTable(known.problems, cells)) out.wrapped(`  ${line}`);
  for (const line of known.details) out.wrapped(`  ${line}`);
  for (const step of known.nextSteps) for (const line of stepLines(step, cells)) out.talk(`  ${line}`);
  out.aside(`  visiontrain explain ${known.id}`);
  if (debug) stack(error, out);
  return code;
}

/** Cells before each line after the first. */
const INDENT = 2;

function stack(error: unknown, out: Output): void {
  for (const line of String((error as Error)?.stack ?? error).split('\n')) out.talk(line);
}

/**
 * The error for a failure of the file system that a person can mend; undefined for any other error, which is a bug.
 */
export function systemError(error: unknown, own: readonly string[]): EnvironmentError | undefined {
  const { path } = error as NodeJS.ErrnoException;
  const problem = diskProblem(error);
  if (problem === undefined || path === undefined) return undefined;
  const isOurs = own.some((folder) => path === folder || path.startsWith(`${folder}${sep}`));
  const cure = diskCure(error);
  const moved = 'Set VISIONTRAIN_HOME to a folder of yours with room.';
  return new EnvironmentError(`${path}: ${problem}.`, {
    id: 'file/system',
    nextSteps: isOurs ? [moved] : cure === undefined ? [] : [cure],
    cause: error,
  });
}

/** One line for each problem when all fit in width; otherwise its place on one line, and below it what is wrong. */
function problemTable(problems: readonly Problem[], cells: number): string[] {
  const where = problems.map((p) => (p.line === undefined ? p.file : `${p.file}:${p.line}:${p.column ?? 1}`));
  const wide = columns(problems.map(({ key, message }, i) => [where[i] ?? '', key, message]));
  if (wide.every((line) => width(line) <= cells)) return wide;
  return problems.flatMap(({ key, message }, i) => [
    ...(where[i] === where[i - 1] ? [] : [where[i] ?? '']),
    `  ${key} ${message}`.replace(/^ {3}/u, '  '),
  ]);
}

function errorDocument(error: unknown, code: number): Record<string, unknown> {
  if (!(error instanceof VisiontrainError))
    return { code, kind: 'bug', id: 'bug/unexpected', message: String((error as Error)?.message ?? error) };
  return {
    code,
    kind: error.name,
    id: error.id,
    message: error.message,
    details: error.details,
    next_steps: error.nextSteps,
    ...(error instanceof ConfigError ? { problems: error.problems } : {}),
  };
}
