/** The only module that calls Inquirer: it asks a question and returns the answer. */
import { type Capabilities, ask as own } from '../../terminal/terminal.ts';
import type { Asker } from './frame.ts';

/** @param left aborted to close a question that is open: a SIGINT of another process does so */
export function terminalAsker(can: Capabilities, left?: AbortSignal): Asker {
  const context = left === undefined ? {} : { signal: left };
  return async (frame, form) => {
    if (can.accessible) {
      const { askPlainly } = await import('./plain.ts');
      return own(() => askPlainly(frame, form));
    }
    if (form.kind === 'choose') {
      const { choosePrompt } = await import('./choose-prompt.ts');
      return own(() => choosePrompt({ frame, choices: form.choices, initial: form.initial }, context));
    }
    const { linePrompt } = await import('./line-prompt.ts');
    return own(() => linePrompt({ frame, form }, context));
  };
}
