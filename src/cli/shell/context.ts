import type { Places } from '../../base/paths.ts';
import type { Output } from './output.ts';

/** What every command is handed; nothing else is global. */
export interface Context {
  readonly out: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly places: Places;
  readonly flags: GlobalFlags;
}

export interface GlobalFlags {
  /** Machine-readable output on stdout. */
  readonly json: boolean;
  /** Lines only: no colours, no cursor movement. */
  readonly plain: boolean;
  /** Never ask; a missing answer is an error that names the flag. */
  readonly noInput: boolean;
  readonly yes: boolean;
  readonly debug: boolean;
}

/** A command module: parsed arguments and options in, exit code out (undefined is 0). Errors are thrown. */
export type CommandRun = (
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
  context: Context,
) => Promise<number | undefined>;
