/** Prompts that redraw themselves. Inquirer takes strings, which this module makes from styled lines. */
import { createPrompt } from '@inquirer/core';
import { type Line, onTerminal } from '../../terminal/styled.ts';
import type { PromptFrame, Reply } from './frame.ts';

export interface View {
  /** Lines of the prompt. The cursor is at the end of the last one. */
  readonly lines: readonly Line[];
  readonly below?: readonly Line[];
  /** True when no text is typed, so that the cursor is hidden. */
  readonly noCursor?: true;
}

const HIDE_CURSOR = '\u001b[?25l';

export function screenPrompt<Config extends { readonly frame: PromptFrame }>(
  view: (config: Config, done: (reply: Reply) => void) => View,
) {
  return createPrompt<Reply, Config>((config, done) => {
    const { lines, below = [], noCursor } = view(config as Config, done);
    const text = (all: readonly Line[]) => all.map((line) => onTerminal(line, config.frame.style)).join('\n');
    return [text(lines) + (noCursor === true ? HIDE_CURSOR : ''), text(below)];
  });
}
