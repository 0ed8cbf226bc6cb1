import type { ExitCode } from '../../base/errors.ts';
import type { Places } from '../../base/paths.ts';
import type { Capabilities } from '../../terminal/capabilities.ts';
import type { Output } from './output.ts';

/** The argument of every command. There is no other global state. */
export interface Context {
  readonly out: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly places: Places;
  readonly flags: GlobalFlags;
  /** What the terminal can show, and whether a person can answer at it. */
  readonly terminal: Capabilities;
}

export interface GlobalFlags {
  /** Whether stdout is machine-readable (JSON). */
  readonly json: boolean;
  /** Whether only lines are printed, without colours and cursor movement. */
  readonly plain: boolean;
  /** Whether questions are forbidden; a missing answer is then an error that names the flag. */
  readonly noInput: boolean;
  readonly yes: boolean;
  readonly debug: boolean;
}

/**
 * The function of a command module: it takes parsed arguments and options and returns an exit code. Errors are thrown.
 */
export type CommandRun = (
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
  context: Context,
) => Promise<ExitCode>;
