/**
 * Every command by name: what help needs, and a lazy import of the rest. This file is loaded by `--help` and
 * `--version`, so it imports nothing.
 */
import type { CommandRun } from './context.ts';

export interface CommandEntry {
  readonly name: string;
  /** Commander's argument syntax, e.g. `<run>` or `[file]`. */
  readonly args?: string;
  readonly summary: string;
  readonly group: 'Start' | 'Runs' | 'Assets' | 'Help';
  /** [flags, description] or [flags, description, 'list'] for repeatable ones. */
  readonly options?: readonly (readonly [string, string, 'list'?])[];
  readonly examples?: readonly string[];
  readonly load: () => Promise<{ run: CommandRun }>;
}

export const commands: readonly CommandEntry[] = [
  {
    name: 'config',
    summary: 'where settings and folders come from',
    group: 'Help',
    load: () => import('./commands/config.ts'),
  },
];
