/**
 * The entry of a command in the list of commands, and options that two commands share. It imports nothing, because
 * `--help` loads it.
 */
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
  /** Whether its first word may be `host:run`; the command is then run on that machine. */
  readonly far?: true;
}

/** Options that `run` and `resume` share: the rank of the machine among several, and the person's consents. */
export const startOptions: NonNullable<CommandEntry['options']> = [
  ['--node <n>', 'for resources.nodes: which of the machines this is, from 0'],
  ['--rendezvous <host:port>', 'for resources.nodes: where they meet, a port of machine 0'],
  ['--no-notify', 'tell nobody of this run'],
  ['--allow-hooks', 'run the commands in its hooks; asked once for the same commands'],
  ['--send-pictures', 'let captions.endpoint, or the Space of a tracker, see pictures; asked once for each'],
];
