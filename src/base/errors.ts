import type { ErrorId } from './error-catalogue.ts';

/**
 * The only list of error classes and exit codes. Each error has an id. Library code throws these errors and
 * `src/cli/shell/report-error.ts` renders them. Any other error that reaches the top is a bug (exit 1).
 */
export const EXIT = {
  ok: 0,
  bug: 1,
  usage: 2,
  environment: 3,
  download: 4,
  training: 5,
  stopped: 75,
  cancelled: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface ErrorDetails {
  /** What kind of error it is: a key of `error-catalogue.ts`, where its cause and cure stand. Add a key for a new kind. */
  readonly id: ErrorId;
  /** Further lines under the message, for instance where it happened and what was found. */
  readonly details?: readonly string[];
  /** What the person can do next, preferably as commands that can be typed. */
  readonly nextSteps?: readonly string[];
  readonly cause?: unknown;
}

/** Base class: a failure that is explained to the person, never shown as a stack trace. */
export class VisiontrainError extends Error {
  readonly exitCode: ExitCode = EXIT.bug;
  readonly id: ErrorId;
  readonly details: readonly string[];
  readonly nextSteps: readonly string[];

  constructor(message: string, { id, details = [], nextSteps = [], cause }: ErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.id = id;
    this.details = details;
    this.nextSteps = nextSteps;
  }
}

/** A command line that cannot be carried out as typed. */
export class UsageError extends VisiontrainError {
  override readonly exitCode = EXIT.usage;
}

/** One thing wrong in a run.yaml. Line and column count from 1 and are absent when the value came from `--set`. */
export interface Problem {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** Dotted key, e.g. `training.rank`; empty for the whole document. */
  readonly key: string;
  readonly message: string;
}

/** A run.yaml with problems: all of them at once. */
export class ConfigError extends VisiontrainError {
  override readonly exitCode = EXIT.usage;
  readonly problems: readonly Problem[];

  constructor(message: string, problems: readonly Problem[], details: ErrorDetails) {
    super(message, details);
    this.problems = problems;
  }
}

/** The machine is not fit for what was asked: Python, the GPU, a disk or permissions. */
export class EnvironmentError extends VisiontrainError {
  override readonly exitCode = EXIT.environment;
}

export class DownloadError extends VisiontrainError {
  override readonly exitCode = EXIT.download;
}

/** What computes has failed at its work: a model, an image or the numbers are at fault. */
export class TrainingError extends VisiontrainError {
  override readonly exitCode = EXIT.training;
}

/** The person left (Ctrl-C, or Esc at the first question), so there is nothing to explain. */
export class CancelledError extends VisiontrainError {
  override readonly exitCode = EXIT.cancelled;

  constructor(message = '', details: Omit<ErrorDetails, 'id'> = {}) {
    super(message, { ...details, id: 'command/cancelled' });
  }
}

/** The system or another program asked to end (SIGTERM, SIGHUP). */
export class TerminatedError extends VisiontrainError {
  override readonly exitCode = EXIT.terminated;

  constructor(message = '') {
    super(message, { id: 'command/terminated' });
  }
}

/**
 * An error and what to do next, as one line, for lists that show each problem on a line of its own. A step that ends
 * in a command is separated from the next step by a sign that no shell would take for a part of the command.
 */
export function inOneLine({ message, nextSteps }: VisiontrainError): string {
  return [message, ...nextSteps]
    .map((part) => part.replaceAll(/ {2,}/g, ' '))
    .reduce((line, part) => `${line}${/[.?!:]$/.test(line) ? ' ' : '; '}${part}`);
}
