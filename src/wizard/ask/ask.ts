/** The only door to Inquirer: one question in, a reply out. */
import { ask as own, type Capabilities } from '../../cli/terminal.ts';
import type { ChooseForm, LineForm } from '../question.ts';
import type { Frame, Reply } from './frame.ts';

export type Asker = (frame: Frame, form: ChooseForm | LineForm) => Promise<Reply>;

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
