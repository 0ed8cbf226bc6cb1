/** What the list of commands says of one, and the options that two of them share. It imports nothing: `--help` loads it. */
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

/** Options of `run` and `resume`: where the machine stands among several, and what the person allows. */
export const startOptions: NonNullable<CommandEntry['options']> = [
  ['--node <n>', 'for resources.nodes: which of the machines this is, from 0'],
  ['--rendezvous <host:port>', 'for resources.nodes: where they meet, a port of machine 0'],
  ['--no-notify', 'tell nobody of this run'],
  ['--allow-hooks', 'run the commands in its hooks; asked once for the same commands'],
  ['--send-pictures', 'let captions.endpoint, or the Space of a tracker, see pictures; asked once for each'],
];
