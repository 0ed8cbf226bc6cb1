/**
 * Numbered questions in plain lines, for screen readers and terminals that cannot move their cursor. Nothing is
 * redrawn.
 */
import { createInterface } from 'node:readline/promises';
import { CancelledError } from '../../base/errors.ts';
import { onTerminal } from '../../terminal/styled.ts';
import type { ChooseForm } from '../questions/question.ts';
import type { LineAsk, PromptFrame, Reply } from './frame.ts';

export async function askPlainly(frame: PromptFrame, form: ChooseForm | LineAsk): Promise<Reply> {
  const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: false });
  // Ctrl-C and the end of the input both close the interface while the question is open.
  const closed = new Promise<never>((_, reject) => lines.once('close', () => reject(new CancelledError(''))));
  closed.catch(() => {});
  const interrupted = () => lines.close();
  process.once('SIGINT', interrupted);
  const safe = (text: string) => onTerminal(text, frame.style);
  const say = (text: string) => void process.stdout.write(`${safe(text)}\n`);
  try {
    say(`\n${frame.place}. ${frame.text}`);
    say(frame.why);
    if (form.kind === 'choose') {
      form.choices.forEach((choice, i) => {
        say(
          `${i + 1}. ${choice.cells.filter(Boolean).join(', ')}${choice.disabled ? ` (cannot be taken: ${choice.disabled})` : ''}`,
        );
      });
    }
    for (;;) {
      const typed = (await Promise.race([lines.question(safe(invitation(frame, form))), closed])).trim();
      if (typed === '?') for (const entry of frame.help) say(entry);
      else if (typed === 'b' && frame.canGoBack) return { kind: 'back' };
      else {
        const { value, problem } = await judge(form, typed);
        if (problem === undefined) {
          say(`${frame.label}: ${frame.record(value)}`);
          return { kind: 'answer', value };
        }
        say(problem);
      }
    }
  } finally {
    process.off('SIGINT', interrupted);
    lines.close();
  }
}

async function judge(
  form: ChooseForm | LineAsk,
  typed: string,
): Promise<{ value: string; problem?: string | undefined }> {
  if (form.kind === 'line') {
    const value = typed === '' ? form.initial : typed;
    return { value, problem: await form.check(value) };
  }
  const choice = typed === '' ? form.choices.find((c) => c.value === form.initial) : form.choices[Number(typed) - 1];
  if (choice === undefined) return { value: '', problem: `Type a number from 1 to ${form.choices.length}.` };
  return { value: choice.value, problem: choice.disabled };
}

function invitation(frame: PromptFrame, form: ChooseForm | LineAsk): string {
  const standard =
    form.kind === 'line' ? form.initial : String(form.choices.findIndex((c) => c.value === form.initial) + 1);
  const also = [
    standard === '' || standard === '0' ? undefined : `Enter for ${standard}`,
    frame.help.length > 0 ? '? for help' : undefined,
    frame.canGoBack ? 'b to go back' : undefined,
  ].filter(Boolean);
  return `${form.kind === 'choose' ? 'Number' : 'Answer'}${also.length > 0 ? ` (${also.join(', ')})` : ''}: `;
}
