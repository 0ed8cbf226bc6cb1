/** What the wizard is handed and hands back. */
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
  /** Words for the person. */
  readonly say: (line: Line) => void;
  /** Given on the command line. */
  readonly mode?: 'easy' | 'advanced' | undefined;
  readonly folder?: string | undefined;
  readonly from?: string | undefined;
  readonly file?: string | undefined;
  /** Takes every default and asks nothing. */
  readonly yes: boolean;
}

export interface WizardResult {
  readonly action: 'start' | 'detach' | 'save';
  /** The run.yaml that was written. */
  readonly file: string;
  /** The person has accepted the licence of what is to be fetched. */
  readonly acceptsLicense: boolean;
}
