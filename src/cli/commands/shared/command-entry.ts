/** What the list of commands says of one. */
import type { CommandRun } from '../../shell/context.ts';

export interface CommandEntry {
  readonly name: string;
  /** Argument syntax of commander, e.g. `<run>` or `[file]`. */
  readonly args?: string;
  readonly summary: string;
  readonly group: 'Start' | 'Runs' | 'Assets' | 'Help';
  /** Options as [flags, description], or as [flags, description, 'list'] when they may be repeated. */
  readonly options?: readonly (readonly [string, string, 'list'?])[];
  readonly examples?: readonly string[];
  readonly load: () => Promise<{ run: CommandRun }>;
  /** Whether its first word may be `host:run`; the command is then carried out over there. */
  readonly far?: true;
}
