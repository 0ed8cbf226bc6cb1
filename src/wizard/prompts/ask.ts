/** The only module that calls Inquirer: it asks a question and returns the answer. */
import { type Capabilities, ask as own } from '../../terminal/terminal.ts';
import type { Asker } from './frame.ts';

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
