/** The only door to Inquirer: one question in, a reply out. */
import { type Capabilities, ask as own } from '../../terminal/terminal.ts';
import type { ChooseForm } from '../questions/question.ts';
import type { Suggestion } from '../sources/folders.ts';
import type { Frame, Reply } from './frame.ts';

/** A line form with what is needed to judge and complete it. */
export interface LineAsk {
  readonly kind: 'line';
  readonly initial: string;
  readonly placeholder?: string;
  /** A sentence when the text cannot be taken. */
  readonly check: (text: string) => Promise<string | undefined>;
  readonly suggest?: (text: string) => Promise<readonly Suggestion[]>;
}

export type Asker = (frame: Frame, form: ChooseForm | LineAsk) => Promise<Reply>;

export function terminalAsker(can: Capabilities): Asker {
  return async (frame, form) => {
    if (can.accessible) {
      const { askPlainly } = await import('./plain.ts');
      return own(() => askPlainly(frame, form));
    }
    if (form.kind === 'choose') {
      const { choosePrompt } = await import('./choose-prompt.ts');
      return own(() => choosePrompt({ frame, choices: form.choices, initial: form.initial }));
    }
    const { linePrompt } = await import('./line-prompt.ts');
    return own(() => linePrompt({ frame, form }));
  };
}
