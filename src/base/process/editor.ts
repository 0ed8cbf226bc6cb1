/** Opens a file in the person's own editor, in this terminal. */
import { spawn } from 'node:child_process';
import { EnvironmentError } from '../errors.ts';

/** The command of the editor; undefined where the environment names none. */
export const editorCommand = (env: NodeJS.ProcessEnv): string | undefined =>
  [env.VISUAL, env.EDITOR].find((command) => command !== undefined && command.trim() !== '');

/**
 * Opens a file and waits until the editor is left. The command may have arguments, as in `code --wait`: a shell reads it,
 * as git does, and is handed the file as an argument of its own.
 * @throws EnvironmentError when it cannot be started, or ends with another code than 0
 */
export async function openEditor(command: string, file: string, env: NodeJS.ProcessEnv): Promise<void> {
  // Ctrl-C in an editor belongs to the editor and must not end this process.
  const leave = () => undefined;
  process.on('SIGINT', leave);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      const child = spawn('/bin/sh', ['-c', `${command} "$@"`, 'editor', file], { stdio: 'inherit', env });
      child.once('error', reject);
      child.once('exit', resolve);
    });
    if (code === 0) return;
    throw new EnvironmentError(`The editor (${command}) ended with ${code === null ? 'a signal' : `code ${code}`}.`, {
      id: 'captions/editor',
      details: ['Nothing is changed.'],
      nextSteps: ['Name another one:   EDITOR=nano visiontrain dataset caption edit FOLDER'],
    });
  } finally {
    process.off('SIGINT', leave);
  }
}
