/**
 * The terminal of this process: its capabilities, and the only owner of stdin. Inquirer asks (`ask`) and Ink shows
 * (`show` of screen.tsx), never both at once. Both need stdin to be handed over as it is done here: otherwise a prompt
 * after an Ink screen would let the process exit, and Ink after a prompt would get no keys.
 */
import { CancelledError, UsageError } from '../base/errors.ts';
import { type Capabilities, capabilities } from './capabilities.ts';

export type { Capabilities } from './capabilities.ts';

/**
 * Decides what the terminal of this process can do. Commands get it in their `Context`. `columns` and `rows` are read
 * anew at each access.
 */
export function processTerminal(
  env: NodeJS.ProcessEnv,
  flags: { readonly noInput?: boolean; readonly plain?: boolean } = {},
): Capabilities {
  return {
    ...capabilities({ env, stdin: process.stdin, stdout: process.stdout, ...flags }),
    get columns() {
      return process.stdout.columns || 80;
    },
    get rows() {
      return process.stdout.rows || 24;
    },
  };
}

let busy = false;

/**
 * Reserves the terminal for one part of the program. Returns a function that releases it.
 * @throws Error when another part holds it
 */
export function takeTerminal(): () => void {
  if (busy) throw new Error('two parts of visiontrain want the terminal at once');
  busy = true;
  return () => {
    busy = false;
  };
}

/**
 * Makes sure that a person can answer.
 * @param instead what to type when nobody can
 * @throws UsageError when nobody can
 */
export function requirePerson(can: Capabilities, instead: readonly string[]): void {
  if (can.ask) return;
  throw new UsageError('There is nobody to ask: this is not an interactive terminal.', {
    id: 'command/nobody-to-ask',
    nextSteps: instead,
  });
}

/**
 * Runs one prompt. Ctrl-C, a closed stdin and a dying process all become `CancelledError`, so no answer is ever made
 * up.
 */
export async function ask<T>(prompt: () => Promise<T>): Promise<T> {
  const release = takeTerminal();
  process.stdin.ref();
  // After Ctrl-Z and fg, Node's readline leaves stdin paused, and a process with nothing to read ends.
  const continued = () => setImmediate(() => process.stdin.resume());
  process.on('SIGCONT', continued);
  try {
    return await prompt();
  } catch (error) {
    const name = error instanceof Error ? error.name : '';
    if (name === 'ExitPromptError' || name === 'AbortPromptError') throw new CancelledError('');
    throw error;
  } finally {
    process.off('SIGCONT', continued);
    release();
  }
}
