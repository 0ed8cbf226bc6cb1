/** Input and result of the wizard. */
import type { Places } from '../base/paths.ts';
import type { Style } from '../terminal/style.ts';
import type { Line } from '../terminal/styled.ts';
import type { Capabilities } from '../terminal/terminal.ts';
import type { Asker } from './prompts/frame.ts';

export interface WizardInput {
  readonly asker: Asker;
  readonly can: Capabilities;
  readonly style: Style;
  readonly env: NodeJS.ProcessEnv;
  readonly places: Places;
  readonly cwd: string;
  readonly version: string;
  /** Prints a line for the person. */
  readonly say: (line: Line) => void;
  /** Mode given on the command line. */
  readonly mode?: 'easy' | 'advanced' | undefined;
  readonly folder?: string | undefined;
  readonly from?: string | undefined;
  /** Name of a preset of the person's own. */
  readonly preset?: string | undefined;
  readonly file?: string | undefined;
  /** Whether every default is taken and no question is asked. */
  readonly yes: boolean;
  /** Aborted at a Ctrl-C that no question takes: between two of them the terminal makes a signal of it. */
  readonly left?: AbortSignal | undefined;
}

export interface WizardResult {
  readonly action: 'start' | 'detach' | 'save';
  /** Path of the run.yaml that was written. */
  readonly file: string;
  /** Whether the person has accepted the licence of the files that will be fetched. */
  readonly acceptsLicense: boolean;
  /** Name of the box that will train; undefined for this machine. */
  readonly box: string | undefined;
}
